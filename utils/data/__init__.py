"""What a lesson loads: the catalog, the sets in one form, the Hub, the packages that carry weights and data."""
