"""Learning from preferences and rewards: preferences (Bradley-Terry, DPO and its kin), policy (REINFORCE, PPO), grpo."""
