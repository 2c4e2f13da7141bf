"""The words of the small world: English beside French, with gender and the forms that are needed.

One table a kind of word, one row a line, columns separated by a bar. The last columns are tags: what a place is,
what a thing is good for. `ENTRIES[kind][key]` gives a row as a `Word`; the key is the English word.
"""

from dataclasses import dataclass

GIRLS = """Mia Anna Lily Emma Clara Nora Ella Zoe Ruby Alice Lucy Julia Sofia Leila Amina Nina Maya Eva Lena Marta Ines
Carmen Olga Tara Priya Fatima Aisha Chloe Laura Sarah Rachel Esther Naomi Elena Bianca Dora Frida Greta Kira Mona Paula
Rita Selma Tessa Vera Wanda Zara Molly Sally Polly Betty Nelly Matilda Olivia Amelia Isabel Camille Juliette Margot
Louise Sylvie Agnes Edith Beatrice""".split()

BOYS = """Tom Ben Max Leo Sam Oscar Felix Paul Noah Lucas Adam Daniel David Simon Peter Martin Victor Arthur Louis Emil
Anton Omar Karim Ali Rashid Kofi Jamal Diego Pablo Marco Luca Matteo Nico Oliver Jack Charlie Theo Jonas Elias Gabriel
Samuel Benjamin Walter Albert Edgar Frank George Edward Robert Ravi Arjun Kenji Tariq Ivan Boris Milo Otto Rafael Bruno
Cedric Dylan Ethan Finn Liam""".split()

PET_NAMES = """Biscuit Pepper Pumpkin Cloudy Muffin Ziggy Bramble Snowflake Whiskers Nutmeg Peanut Toffee Pickle Waffle
Sparky Cookie Shadow Button Mango Pebble Marble Cocoa Bubbles Domino Ginger Freckles Rascal Dusty Jellybean Truffle
Patches Comet Clover Mustard Noodle Rocket""".split()

TOWNS = """Millbrook Larkfield Ashford Greenhill Stonebridge Willowdale Foxley Brightwater Oakham Riverton Maplewood
Seabourne Thornbury Applegate Windermoor Pinecrest Silverton Dunmore Coldwell Marlow Elmstead Fernhaven Otterby
Rosewick Kingsford Lindale Amberley Birchwood Saltmarsh Hollowell""".split()

# organization | French | gender of the French name
ORGANIZATIONS = """
Otter Club | club des Loutres | m | club
Larkfield School | école Larkfield | f | club
Bell Bakery | boulangerie Bell | f | house
Harbor Circus | cirque du Port | m | club
Blue Door Library | bibliothèque de la Porte bleue | f | house
Comet Theater | théâtre de la Comète | m | house
Oakham Choir | chœur Oakham | m | club
Silver Whale Company | compagnie de la Baleine d'argent | f | house
Green Wheel Club | club de la Roue verte | m | club
Hilltop Hospital | hôpital Hilltop | m | house
Paper Boat Company | compagnie du Bateau de papier | f | house
Maple Street School | école de la rue des Érables | f | club
Sunrise Orchestra | orchestre de l'Aurore | m | club
Little Star Museum | musée de la Petite Étoile | m | house
Walnut Club | club de la Noix | m | club
Stonebridge Chess Club | club d'échecs Stonebridge | m | club
Acorn School | école du Gland | f | club
River Rescue Team | équipe de secours de la Rivière | f | club
"""

# festival | French | gender
FESTIVALS = """
Lantern Festival | fête des Lanternes | f
Apple Fair | foire aux Pommes | f
Winter Parade | parade d'Hiver | f
Kite Parade | défilé des Cerfs-volants | m
Harvest Ball | bal des Moissons | m
Night of Stars | nuit des Étoiles | f
Boat Festival | fête des Bateaux | f
Honey Market | marché du Miel | m
Midsummer Dance | danse de la Saint-Jean | f
Snow Games | jeux de Neige | p
Spring Concert | concert du Printemps | m
Pumpkin Parade | parade des Citrouilles | f
"""

# thing | French | gender | tags: toy, treasure, tool, clothes, instrument, book, craft (a child can make it)
THINGS = """
kite | cerf-volant | m | toy craft fragile
ball | ballon | m | toy
doll | poupée | f | toy craft fragile
puppet | marionnette | f | toy craft fragile
drum | tambour | m | instrument craft fragile
robot | robot | m | toy fragile
spinning top | toupie | f | toy fragile
toy boat | petit bateau | m | toy craft fragile
toy train | petit train | m | toy fragile
teddy bear | ours en peluche | m | toy
yo-yo | yo-yo | m | toy fragile
puzzle | puzzle | m | toy large
scooter | trottinette | f | toy fragile large
bicycle | vélo | m | toy large
sled | luge | f | toy fragile large
skateboard | planche à roulettes | f | toy fragile large
balloon | ballon de baudruche | m | toy
jump rope | corde à sauter | f | toy
marble | bille | f | toy treasure
mask | masque | m | toy craft fragile
crown | couronne | f | toy treasure craft
magnet | aimant | m | tool toy
telescope | télescope | m | tool fragile large
microscope | microscope | m | tool fragile
magnifying glass | loupe | f | tool fragile
compass | boussole | f | tool treasure fragile
lantern | lanterne | f | tool craft fragile
flashlight | lampe de poche | f | tool fragile
umbrella | parapluie | m | tool fragile
basket | panier | m | tool craft
bucket | seau | m | tool large
shovel | pelle | f | tool large
hammer | marteau | m | tool large
ladder | échelle | f | tool large
rope | corde | f | tool large
tent | tente | f | tool large
backpack | sac à dos | m | tool
suitcase | valise | f | tool large
camera | appareil photo | m | tool fragile
clock | horloge | f | tool fragile
alarm clock | réveil | m | tool fragile large
radio | radio | f | tool fragile
map | carte | f | tool treasure craft
pencil | crayon | m | tool
paintbrush | pinceau | m | tool
pocketknife | canif | m | tool
whistle | sifflet | m | tool craft
fishing rod | canne à pêche | f | tool fragile large
watering can | arrosoir | m | tool large
wheelbarrow | brouette | f | tool large
teapot | théière | f | tool treasure fragile
cup | tasse | f | tool treasure fragile
vase | vase | m | treasure craft fragile
mirror | miroir | m | treasure fragile
candle | bougie | f | tool craft
pillow | oreiller | m | clothes craft
blanket | couverture | f | clothes craft
quilt | édredon | m | clothes craft large
ring | bague | f | treasure
necklace | collier | m | treasure craft
bracelet | bracelet | m | treasure craft
brooch | broche | f | treasure
watch | montre | f | treasure fragile
key | clé | f | treasure
coin | pièce | f | treasure
medal | médaille | f | treasure
locket | médaillon | m | treasure
pearl | perle | f | treasure
shell | coquillage | m | treasure
feather | plume | f | treasure
stone | caillou | m | treasure
crystal | cristal | m | treasure
fossil | fossile | m | treasure
bell | cloche | f | treasure
music box | boîte à musique | f | treasure craft fragile
jewelry box | coffret à bijoux | m | treasure craft
wallet | portefeuille | m | treasure
purse | porte-monnaie | m | treasure
photograph | photographie | f | treasure
painting | tableau | m | treasure craft
statue | statue | f | treasure craft fragile
letter | lettre | f | book
postcard | carte postale | f | book
diary | journal | m | book
book | livre | m | book
notebook | cahier | m | book
dictionary | dictionnaire | m | book
recipe book | livre de recettes | m | book
storybook | livre de contes | m | book
album | album | m | book craft
scarf | écharpe | f | clothes craft
hat | chapeau | m | clothes craft
cap | casquette | f | clothes
coat | manteau | m | clothes
jacket | veste | f | clothes
sweater | pull | m | clothes craft
dress | robe | f | clothes craft
shirt | chemise | f | clothes craft
raincoat | imperméable | m | clothes
belt | ceinture | f | clothes craft
apron | tablier | m | clothes craft
costume | costume | m | clothes craft
cape | cape | f | clothes craft
mitten | moufle | f | clothes craft
slipper | pantoufle | f | clothes
violin | violon | m | instrument fragile
flute | flûte | f | instrument craft fragile
guitar | guitare | f | instrument fragile large
trumpet | trompette | f | instrument fragile
harmonica | harmonica | m | instrument fragile
accordion | accordéon | m | instrument fragile large
cello | violoncelle | m | instrument fragile large
tambourine | tambourin | m | instrument fragile
banjo | banjo | m | instrument fragile
clarinet | clarinette | f | instrument fragile
"""

# adjective | masculine | feminine | before or after the noun in French | masculine before a vowel, where it differs
ADJECTIVES = """
red | rouge | rouge | after
blue | bleu | bleue | after
green | vert | verte | after
yellow | jaune | jaune | after
white | blanc | blanche | after
black | noir | noire | after
purple | violet | violette | after
orange | orange | orange | after
pink | rose | rose | after
brown | brun | brune | after
gray | gris | grise | after
golden | doré | dorée | after
silver | argenté | argentée | after
old | vieux | vieille | before | vieil
new | nouveau | nouvelle | before | nouvel
beautiful | beau | belle | before | bel
pretty | joli | jolie | before
big | grand | grande | before
tiny | minuscule | minuscule | after
shiny | brillant | brillante | after
striped | rayé | rayée | after
spotted | tacheté | tachetée | after
painted | peint | peinte | after
strange | étrange | étrange | after
plain | simple | simple | after
colorful | coloré | colorée | after
rare | rare | rare | after
heavy | lourd | lourde | after
light | léger | légère | after
odd | bizarre | bizarre | after
elegant | élégant | élégante | after
dusty | poussiéreux | poussiéreuse | after
"""

# animal | French | gender | tags: pet, wild, bird, farm
ANIMALS = """
cat | chat | m | pet
kitten | chaton | m | pet
dog | chien | m | pet
puppy | chiot | m | pet
rabbit | lapin | m | pet
hamster | hamster | m | pet
guinea pig | cochon d'Inde | m | pet
turtle | tortue | f | pet
parrot | perroquet | m | pet bird
canary | canari | m | pet bird
duck | canard | m | farm bird
goose | oie | f | farm bird
hen | poule | f | farm bird
lamb | agneau | m | farm
goat | chèvre | f | farm
pony | poney | m | farm
donkey | âne | m | farm
calf | veau | m | farm
piglet | porcelet | m | farm
squirrel | écureuil | m | wild
hedgehog | hérisson | m | wild
fox | renard | m | wild
badger | blaireau | m | wild
otter | loutre | f | wild
mouse | souris | f | wild
frog | grenouille | f | wild
toad | crapaud | m | wild
fawn | faon | m | wild
raccoon | raton laveur | m | wild
beaver | castor | m | wild
seal | phoque | m | wild
mole | taupe | f | wild
bat | chauve-souris | f | wild
owl | chouette | f | wild bird
crow | corbeau | m | wild bird
magpie | pie | f | wild bird
sparrow | moineau | m | wild bird
robin | rouge-gorge | m | wild bird
swan | cygne | m | wild bird
seagull | mouette | f | wild bird
pigeon | pigeon | m | wild bird
heron | héron | m | wild bird
swallow | hirondelle | f | wild bird
stork | cigogne | f | wild bird
"""

# adjective for animals | masculine | feminine | place | before a vowel
ANIMAL_ADJECTIVES = """
small | petit | petite | before
gray | gris | grise | after
white | blanc | blanche | after
black | noir | noire | after
brown | brun | brune | after
hungry | affamé | affamée | after
lost | perdu | perdue | after
young | jeune | jeune | before
old | vieux | vieille | before | vieil
thin | maigre | maigre | after
friendly | affectueux | affectueuse | after
curious | curieux | curieuse | after
clever | malin | maligne | after
shy | craintif | craintive | after
noisy | bruyant | bruyante | after
funny | drôle | drôle | after
fluffy | tout doux | toute douce | after
spotted | tacheté | tachetée | after
"""

# place | English preposition | French | gender | French preposition (dans, sur, à, près de) | tags
PLACES = """
park | in | parc | m | dans | out public
garden | in | jardin | m | dans | out public
forest | in | forêt | f | dans | out
meadow | in | prairie | f | dans | out
orchard | in | verger | m | dans | out
vineyard | in | vigne | f | dans | out
field | in | champ | m | dans | out
valley | in | vallée | f | dans | out
hill | on | colline | f | sur | out
mountain | on | montagne | f | sur | out
beach | on | plage | f | sur | out water public
cliff | on | falaise | f | sur | out
river | by | rivière | f | près de | out water
lake | by | lac | m | près de | out water public
pond | by | étang | m | près de | out water
waterfall | by | cascade | f | près de | out water
stream | by | ruisseau | m | près de | out water
harbor | at | port | m | à | out water public
lighthouse | at | phare | m | à | in water public
bridge | on | pont | m | sur | out water
fountain | by | fontaine | f | près de | out
market | at | marché | m | à | out shop public
square | in | place du village | f | sur | out public
playground | on | terrain de jeux | m | sur | out public
schoolyard | in | cour de l'école | f | dans | out public
cemetery | in | cimetière | m | dans | out
farm | at | ferme | f | à | out public
windmill | at | moulin à vent | m | à | in public
barn | in | grange | f | dans | in
stable | in | écurie | f | dans | in public
greenhouse | in | serre | f | dans | in public
castle | in | château | m | dans | in
ruin | at | ruine | f | dans | out
cave | in | grotte | f | dans | in
tower | in | tour | f | dans | in
library | in | bibliothèque | f | à | in public
museum | in | musée | m | à | in public
theater | in | théâtre | m | à | in public
cinema | at | cinéma | m | à | in public
school | at | école | f | à | in public
bakery | in | boulangerie | f | à | in shop public
bookshop | in | librairie | f | à | in shop public
toy shop | in | magasin de jouets | m | dans | in shop public
flower shop | in | magasin de fleurs | m | dans | in shop public
workshop | in | atelier | m | dans | in public
post office | at | bureau de poste | m | à | in public
train station | at | gare | f | à | in public
bus stop | at | arrêt de bus | m | à | out
airport | at | aéroport | m | à | in
hotel | at | hôtel | m | à | in public
restaurant | in | restaurant | m | à | in public
café | in | café | m | à | in public
gym | in | gymnase | m | dans | in public
swimming pool | at | piscine | f | à | in water public
skating rink | at | patinoire | f | à | in public
zoo | at | zoo | m | à | out public
campsite | at | camping | m | à | out public
church | in | église | f | dans | in
town hall | at | mairie | f | à | in public
fire station | at | caserne des pompiers | f | à | in public
attic | in | grenier | m | dans | in
cellar | in | cave | f | dans | in
basement | in | sous-sol | m | à | in
"""

# a spot outside | French
OUTDOOR_SPOTS = """
under a bench | sous un banc
behind a bush | derrière un buisson
in the tall grass | dans les hautes herbes
beside a puddle | à côté d'une flaque
on a flat rock | sur un rocher plat
under a pile of leaves | sous un tas de feuilles
near the fence | près de la clôture
next to a fallen log | à côté d'un tronc couché
between two roots | entre deux racines
in a hollow tree | dans un arbre creux
behind the old wall | derrière le vieux mur
on a low branch | sur une branche basse
in the mud | dans la boue
under the hedge | sous la haie
beside the gate | à côté du portail
at the edge of the path | au bord du chemin
in a ditch | dans un fossé
among the flowers | au milieu des fleurs
behind a wooden cart | derrière une charrette en bois
under an upturned boat | sous un bateau retourné
"""

# a spot inside | French
INDOOR_SPOTS = """
under the table | sous la table
behind the curtain | derrière le rideau
on the top shelf | sur l'étagère du haut
in a drawer | dans un tiroir
under the stairs | sous l'escalier
behind the door | derrière la porte
in a cardboard box | dans une boîte en carton
on the windowsill | sur le rebord de la fenêtre
beneath a rug | sous un tapis
in an empty barrel | dans un tonneau vide
next to the stove | à côté du poêle
beside a sack of flour | à côté d'un sac de farine
in the corner | dans le coin
on a chair | sur une chaise
under a dusty cloth | sous un drap poussiéreux
behind a tall cupboard | derrière une grande armoire
between two cushions | entre deux coussins
at the bottom of a chest | au fond d'un coffre
"""

# feeling | masculine | feminine | good, bad
FEELINGS = """
happy | content | contente | good pride
glad | ravi | ravie | good pride
proud | fier | fière | pride
delighted | enchanté | enchantée | good pride
relieved | soulagé | soulagée | good
grateful | reconnaissant | reconnaissante | good
excited | très excité | très excitée | good pride
cheerful | joyeux | joyeuse | good pride
thrilled | aux anges | aux anges | good pride
overjoyed | fou de joie | folle de joie | good pride
pleased | satisfait | satisfaite | good pride
moved | ému | émue | good
sad | triste | triste | bad
upset | bouleversé | bouleversée | bad
worried | inquiet | inquiète | bad
disappointed | déçu | déçue | bad
unhappy | malheureux | malheureuse | bad
miserable | désespéré | désespérée | bad
heartbroken | inconsolable | inconsolable | bad
gloomy | morose | morose | bad
ashamed | honteux | honteuse | guilt
sorry | désolé | désolée | guilt
embarrassed | gêné | gênée | guilt
uneasy | mal à l'aise | mal à l'aise | guilt
angry | fâché | fâchée | anger
furious | furieux | furieuse | anger
annoyed | agacé | agacée | anger
cross | en colère | en colère | anger
afraid | effrayé | effrayée | fear
scared | apeuré | apeurée | fear
nervous | nerveux | nerveuse | fear
terrified | terrifié | terrifiée | fear
frightened | épouvanté | épouvantée | fear
lonely | seul | seule | alone
bored | désœuvré | désœuvrée | alone
homesick | nostalgique | nostalgique | alone
restless | agité | agitée | alone
"""

# character | masculine | feminine
TRAITS = """
brave | courageux | courageuse
patient | patient | patiente
curious | curieux | curieuse
quiet | calme | calme
cheerful | joyeux | joyeuse
shy | timide | timide
clever | intelligent | intelligente
kind | gentil | gentille
stubborn | têtu | têtue
generous | généreux | généreuse
dreamy | rêveur | rêveuse
careful | prudent | prudente
lively | vif | vive
polite | poli | polie
honest | honnête | honnête
helpful | serviable | serviable
impatient | impatient | impatiente
messy | désordonné | désordonnée
thoughtful | réfléchi | réfléchie
adventurous | aventureux | aventureuse
serious | sérieux | sérieuse
playful | joueur | joueuse
talkative | bavard | bavarde
gentle | doux | douce
determined | déterminé | déterminée
forgetful | distrait | distraite
"""

# profession | masculine | feminine
JOBS = """
baker | boulanger | boulangère
farmer | fermier | fermière
teacher | instituteur | institutrice
librarian | bibliothécaire | bibliothécaire
carpenter | charpentier | charpentière
gardener | jardinier | jardinière
doctor | médecin | médecin
vet | vétérinaire | vétérinaire
nurse | infirmier | infirmière
painter | peintre | peintre
musician | musicien | musicienne
fisherman | pêcheur | pêcheuse | m
sailor | marin | marin
shopkeeper | commerçant | commerçante
tailor | tailleur | tailleuse | m
watchmaker | horloger | horlogère
shepherd | berger | bergère
beekeeper | apiculteur | apicultrice
potter | potier | potière
cook | cuisinier | cuisinière
clown | clown | clown
magician | magicien | magicienne
firefighter | pompier | pompière
mechanic | mécanicien | mécanicienne
blacksmith | forgeron | forgeronne | m
bus driver | conducteur de bus | conductrice de bus
mail carrier | facteur | factrice
lighthouse keeper | gardien de phare | gardienne de phare
museum guide | guide de musée | guide de musée
photographer | photographe | photographe
writer | écrivain | écrivaine
miller | meunier | meunière
"""

# relative | French | gender of the relative | child or adult
KIN = """
brother | frère | m | child
sister | sœur | f | child
cousin | cousin/cousine | any | child
mother | mère | f | adult
father | père | m | adult
grandmother | grand-mère | f | adult
grandfather | grand-père | m | adult
aunt | tante | f | adult
uncle | oncle | m | adult
"""

# what one learns | past | French | participle
SKILLS = """
swim | swam | nager | nagé | water
dive | dived | plonger | plongé | water
skate | skated | patiner | patiné | rink
ski | skied | skier | skié | slope
juggle | juggled | jongler | jonglé | any
dance | danced | danser | dansé | any
sew | sewed | coudre | cousu | any
knit | knitted | tricoter | tricoté | any
whistle | whistled | siffler | sifflé | any
sing | sang | chanter | chanté | any
paint | painted | peindre | peint | any
cook | cooked | cuisiner | cuisiné | any
ride a bicycle | rode a bicycle | faire du vélo | fait du vélo | out
ride a horse | rode a horse | monter à cheval | fait du cheval | out
climb trees | climbed a tree | grimper aux arbres | grimpé à un arbre | out
row a boat | rowed a boat | ramer | ramé | water
play chess | played chess | jouer aux échecs | joué aux échecs | any
play the piano | played the piano | jouer du piano | joué du piano | any
do magic tricks | did a magic trick | faire des tours de magie | fait un tour de magie | any
tie knots | tied a knot | faire des nœuds | fait un nœud | any
do handstands | did a handstand | marcher sur les mains | marché sur les mains | any
walk on stilts | walked on stilts | marcher sur des échasses | marché sur des échasses | out
milk a cow | milked a cow | traire une vache | trait une vache | farm
throw a lasso | threw a lasso | lancer le lasso | lancé le lasso | out
carve wood | carved a spoon | sculpter le bois | sculpté une cuillère | any
"""

# work | past | French | participle | out, in
CHORES = """
wash the windows | washed the windows | laver les vitres | lavé les vitres | any
sweep the floor | swept the floor | balayer le sol | balayé le sol | any
water the plants | watered the plants | arroser les plantes | arrosé les plantes | any
pull the weeds | pulled the weeds | arracher les mauvaises herbes | arraché les mauvaises herbes | farm
feed the chickens | fed the chickens | nourrir les poules | nourri les poules | farm
paint the fence | painted the fence | peindre la barrière | peint la barrière | any
rake the leaves | raked the leaves | ratisser les feuilles | ratissé les feuilles | any
pick the apples | picked the apples | cueillir les pommes | cueilli les pommes | farm
carry the firewood | carried the firewood | porter le bois | porté le bois | any
peel the potatoes | peeled the potatoes | éplucher les pommes de terre | épluché les pommes de terre | kitchen
fold the laundry | folded the laundry | plier le linge | plié le linge | any
wash the dishes | washed the dishes | faire la vaisselle | fait la vaisselle | any
polish the silver | polished the silver | faire briller l'argenterie | fait briller l'argenterie | any
dig up the carrots | dug up the carrots | déterrer les carottes | déterré les carottes | farm
plant the tulips | planted the tulips | planter les tulipes | planté les tulipes | farm
brush the horses | brushed the horses | brosser les chevaux | brossé les chevaux | farm
stack the boxes | stacked the boxes | empiler les caisses | empilé les caisses | any
sort the letters | sorted the letters | trier le courrier | trié le courrier | any
repair the roof | repaired the roof | réparer le toit | réparé le toit | any
clean the oven | cleaned the oven | nettoyer le four | nettoyé le four | kitchen
gather the eggs | gathered the eggs | ramasser les œufs | ramassé les œufs | farm
shovel the snow | shoveled the snow | déblayer la neige | déblayé la neige | any
dust the shelves | dusted the shelves | épousseter les étagères | épousseté les étagères | any
knead the dough | kneaded the dough | pétrir la pâte | pétri la pâte | kitchen
mow the lawn | mowed the lawn | tondre la pelouse | tondu la pelouse | any
iron the shirts | ironed the shirts | repasser les chemises | repassé les chemises | any
"""

# pastime for two | past | French | participle
PASTIMES = """
play hide and seek | played hide and seek | jouer à cache-cache | joué à cache-cache | any
build a sandcastle | built a sandcastle | construire un château de sable | construit un château de sable | beach
climb trees | climbed trees | grimper aux arbres | grimpé aux arbres | out
pick berries | picked berries | cueillir des baies | cueilli des baies | out
look for mushrooms | looked for mushrooms | chercher des champignons | cherché des champignons | out
watch the clouds | watched the clouds | regarder les nuages | regardé les nuages | out
count the birds | counted the birds | compter les oiseaux | compté les oiseaux | out
fly paper planes | flew paper planes | lancer des avions en papier | lancé des avions en papier | any
draw pictures | drew pictures | faire des dessins | fait des dessins | any
play cards | played cards | jouer aux cartes | joué aux cartes | any
tell stories | told stories | raconter des histoires | raconté des histoires | any
sing songs | sang songs | chanter des chansons | chanté des chansons | any
skip stones | skipped stones | faire des ricochets | fait des ricochets | water
have a picnic | had a picnic | faire un pique-nique | fait un pique-nique | out
play soccer | played soccer | jouer au football | joué au football | out
roll down the slope | rolled down the slope | rouler dans la pente | roulé dans la pente | out
pick flowers | picked flowers | cueillir des fleurs | cueilli des fleurs | out
build a hut | built a hut | construire une cabane | construit une cabane | out
make a campfire | made a campfire | faire un feu de camp | fait un feu de camp | out
take photographs | took photographs | prendre des photos | pris des photos | any
collect pebbles | collected pebbles | ramasser des galets | ramassé des galets | water
chase butterflies | chased butterflies | courir après les papillons | couru après les papillons | out
play tag | played tag | jouer à chat | joué à chat | any
invent riddles | invented riddles | inventer des devinettes | inventé des devinettes | any
"""

# dish | French | gender
DISHES = """
apple pie | tarte aux pommes | f | sweet
chocolate cake | gâteau au chocolat | m | sweet
carrot cake | gâteau aux carottes | m | sweet
vegetable soup | soupe de légumes | f | savory
onion soup | soupe à l'oignon | f | savory
lemon tart | tarte au citron | f | sweet
loaf of bread | pain | m | savory
pizza | pizza | f | savory
omelet | omelette | f | savory
fruit salad | salade de fruits | f | sweet
potato salad | salade de pommes de terre | f | savory
pot of jam | pot de confiture | m | sweet
cherry pie | tarte aux cerises | f | sweet
plum tart | tarte aux prunes | f | sweet
honey cake | gâteau au miel | m | sweet
walnut cake | gâteau aux noix | m | sweet
mushroom stew | ragoût de champignons | m | savory
cheese sandwich | sandwich au fromage | m | savory
bowl of porridge | bol de bouillie d'avoine | m | sweet
fish pie | tourte au poisson | f | savory
rice pudding | riz au lait | m | sweet
gingerbread | pain d'épices | m | sweet
"""

# what is missing in the kitchen | French (some) | French (no ...)
INGREDIENTS = """
sugar | du sucre | de sucre | sweet
flour | de la farine | de farine | savory
butter | du beurre | de beurre | sweet
milk | du lait | de lait | sweet
salt | du sel | de sel | savory
cinnamon | de la cannelle | de cannelle | sweet
honey | du miel | de miel | sweet
cream | de la crème | de crème | sweet
pepper | du poivre | de poivre | savory
oil | de l'huile | d'huile | savory
vanilla | de la vanille | de vanille | sweet
yeast | de la levure | de levure | savory
cheese | du fromage | de fromage | savory
parsley | du persil | de persil | savory
garlic | de l'ail | d'ail | savory
vinegar | du vinaigre | de vinaigre | savory
"""

# what one can be afraid of, after "of" | French after "peur" and "au sujet" | place tag
FEARS = """
the dark | du noir
thunder | du tonnerre
deep water | de l'eau profonde
big dogs | des gros chiens
spiders | des araignées
heights | du vide
strangers | des inconnus
ghosts | des fantômes
geese | des oies
snakes | des serpents
loud noises | des bruits forts
narrow bridges | des ponts étroits
wasps | des guêpes
wolves | des loups
horses | des chevaux
fast rivers | des rivières rapides
"""

# Where each fear is met.
FEAR_PLACES = {
    "the dark": ("cave", "cellar", "tower", "forest"), "thunder": ("hill", "meadow", "field"),
    "deep water": ("lake", "swimming pool", "pond", "harbor"), "big dogs": ("farm", "park", "square"),
    "spiders": ("attic", "barn", "cellar", "greenhouse"), "heights": ("tower", "bridge", "mountain", "cliff"),
    "strangers": ("market", "train station", "airport", "hotel"), "ghosts": ("castle", "ruin", "cemetery", "attic"),
    "geese": ("farm", "pond", "meadow"), "snakes": ("forest", "vineyard", "zoo", "valley"),
    "loud noises": ("train station", "fire station", "market"), "narrow bridges": ("bridge", "waterfall", "stream"),
    "wasps": ("orchard", "garden", "bakery"), "wolves": ("forest", "mountain", "valley"),
    "horses": ("stable", "farm", "field"), "fast rivers": ("river", "waterfall", "bridge"),
}  # fmt: skip

# What each profession may need done besides the work of any house.
JOB_CHORES = {
    "farmer": "farm", "gardener": "farm", "shepherd": "farm", "beekeeper": "farm", "miller": "farm",
    "baker": "kitchen", "cook": "kitchen",
}  # fmt: skip

# a noise | French | the animal that makes it must fit: any
NOISES = """
a scratching noise | un grattement
a soft whimper | un petit gémissement
a loud rustling | un fort bruissement
a strange squeak | un étrange couinement
a faint cry | un faible cri
a dull thump | un bruit sourd
a quick patter | un trottinement rapide
a low growl | un grognement sourd
a tapping sound | un tapotement
a muffled snort | un reniflement étouffé
a crackling sound | un craquement
a splashing sound | un clapotis
a sharp hiss | un sifflement aigu
a long sigh | un long soupir
"""

# weather | French | good, bad (for being outside)
WEATHER = """
the sun was shining | le soleil brillait | good
the sky was clear | le ciel était clair | good
the air was warm | l'air était doux | good
a gentle breeze was blowing | une brise légère soufflait | good
the birds were singing | les oiseaux chantaient | good
the snow was sparkling | la neige étincelait | good
the leaves were turning yellow | les feuilles jaunissaient | good
white clouds were drifting by | des nuages blancs passaient | good
dew was glistening on the grass | la rosée scintillait sur l'herbe | good
it was raining softly | il pleuvait doucement | bad
the wind was howling | le vent hurlait | bad
fog was hanging over the roofs | le brouillard flottait sur les toits | bad
dark clouds were gathering | des nuages noirs s'amassaient | bad
it was bitterly cold | il faisait un froid glacial | bad
thunder was rumbling far away | le tonnerre grondait au loin | bad
"""

# a change of the weather | French
STORMS = """
it began to rain | il s'est mis à pleuvoir
it began to snow | il s'est mis à neiger
a storm broke out | un orage a éclaté
thick fog rolled in | un épais brouillard s'est levé
hail began to fall | la grêle s'est mise à tomber
lightning flashed across the sky | un éclair a traversé le ciel
a cold wind sprang up | un vent froid s'est levé
the sky turned black | le ciel est devenu noir
"""

# shelter outside | French
SHELTERS = """
under a big oak | sous un grand chêne
in a wooden hut | dans une cabane en bois
under a rocky ledge | sous un rocher
under a stone arch | sous une arche de pierre
in an abandoned cottage | dans une chaumière abandonnée
behind a haystack | derrière une meule de foin
under a thick fir tree | sous un sapin touffu
beneath an old bridge | sous un vieux pont
in a shed | dans un hangar
"""

# contest | French after "le concours" or its like | gender | what one does there: past | participle
CONTESTS = """
running race | course à pied | f | ran | couru | out
swimming race | course de natation | f | swam | nagé | water
drawing contest | concours de dessin | m | drew | dessiné | in
singing contest | concours de chant | m | sang | chanté | in
baking contest | concours de pâtisserie | m | baked | cuisiné | in
chess tournament | tournoi d'échecs | m | played | joué | in
spelling contest | concours d'orthographe | m | spelled | épelé | in
dance contest | concours de danse | m | danced | dansé | in
sled race | course de luges | f | raced | couru | slope
boat race | course de bateaux | f | rowed | ramé | water
pumpkin contest | concours de citrouilles | m | competed | concouru | out
poetry contest | concours de poésie | m | recited | récité | in
quiz | jeu de questions | m | answered | répondu | in
bicycle race | course de vélos | f | pedaled | pédalé | out
"""

# how a thing gets broken | French, with an object pronoun before it
MISHAPS = """
tripped over a root | a trébuché sur une racine
slipped on a wet stone | a glissé sur une pierre mouillée
stumbled on the stairs | a trébuché dans l'escalier
turned around too quickly | s'est tourné{e} trop vite
bumped into a door | a heurté une porte
sneezed loudly | a éternué très fort
ran too fast | a couru trop vite
was not paying attention | ne faisait pas attention
"""

# an injury of an animal: part | French
INJURIES = """
leg | la patte
paw | la patte avant
foot | la patte
wing | l'aile
tail | la queue
ear | l'oreille
"""

# what animals eat | French
FEED = """
some seeds | quelques graines | bird
a bowl of milk | un bol de lait | other
some bread crumbs | des miettes de pain | bird
a piece of apple | un morceau de pomme | other
a few berries | quelques baies | bird
fresh hay | du foin frais | other
a carrot | une carotte | other
some corn | du maïs | bird
a handful of nuts | une poignée de noix | other
clean water | de l'eau propre | bird
a lettuce leaf | une feuille de salade | other
"""

# clock: order in the day | French
TIMES = """
morning | matin | m
afternoon | après-midi | m
evening | soir | m
night | nuit | f
"""

# wish for one's future | French
DREAMS = """
to sail around the world | faire le tour du monde à la voile
to become an explorer | devenir explorateur/exploratrice
to fly in a hot-air balloon | voler en montgolfière
to discover a treasure | découvrir un trésor
to sleep under the stars | dormir à la belle étoile
to write a novel | écrire un roman
to see a whale | voir une baleine
to travel to the moon | voyager jusqu'à la lune
to open a small restaurant | ouvrir un petit restaurant
to live in a tree house | vivre dans une cabane perchée
to build a flying machine | construire une machine volante
to become an astronaut | devenir astronaute
to paint the sunset | peindre le coucher du soleil
to ride a camel | monter sur un chameau
to meet a dragon | rencontrer un dragon
to visit the desert | visiter le désert
to climb a volcano | gravir un volcan
to hear the ocean | entendre l'océan
"""


@dataclass(frozen=True)
class Word:
    """A row of a table: the kind of word, the English form (its key), the other columns, the tags."""

    kind: str
    english: str
    columns: tuple[str, ...]
    tags: frozenset[str]

    @property
    def gender(self) -> str:
        """m, f (or p, a plural name) of a French noun."""
        return self.columns[GENDER[self.kind]]


TABLES = {
    "organization": ORGANIZATIONS, "festival": FESTIVALS, "thing": THINGS, "adjective": ADJECTIVES,
    "animal": ANIMALS, "animal_adjective": ANIMAL_ADJECTIVES, "place": PLACES, "outdoor_spot": OUTDOOR_SPOTS,
    "indoor_spot": INDOOR_SPOTS, "feeling": FEELINGS, "trait": TRAITS, "job": JOBS, "kin": KIN, "skill": SKILLS,
    "chore": CHORES, "pastime": PASTIMES, "dish": DISHES, "ingredient": INGREDIENTS, "fear": FEARS,
    "noise": NOISES, "weather": WEATHER, "storm": STORMS, "shelter": SHELTERS, "contest": CONTESTS,
    "mishap": MISHAPS, "injury": INJURIES, "feed": FEED, "time": TIMES, "dream": DREAMS,
}  # fmt: skip

# Where the gender stands among the columns after the English one.
GENDER = {"organization": 1, "festival": 1, "thing": 1, "animal": 1, "place": 2, "dish": 1, "contest": 1, "time": 1}
TAGGED = {"thing", "animal", "place", "feeling", "weather", "kin", "organization", "pastime", "chore", "skill",
          "contest", "feed", "dish", "ingredient"}  # fmt: skip


def _read(kind: str, table: str) -> dict[str, Word]:
    """The rows of a table by their English word."""
    words = {}
    for line in table.strip().splitlines():
        english, *columns = (column.strip() for column in line.split("|"))
        tags = frozenset(columns[-1].split()) if kind in TAGGED else frozenset()
        words[english] = Word(kind, english, tuple(columns), tags)
    return words


ENTRIES = {kind: _read(kind, table) for kind, table in TABLES.items()}
ENTRIES["town"] = {name: Word("town", name, (name,), frozenset()) for name in TOWNS}
ENTRIES["pet_name"] = {name: Word("pet_name", name, (name,), frozenset()) for name in PET_NAMES}
HOME = Word("place", "home", ("at", "maison", "f", "à", "in"), frozenset({"in"}))
ENTRIES["place"]["home"] = HOME
ENTRIES["spot"] = ENTRIES["outdoor_spot"] | ENTRIES["indoor_spot"]


def tagged(kind: str, *tags: str) -> list[Word]:
    """The words of a kind that carry all the tags, in the table's order."""
    return [word for word in ENTRIES[kind].values() if word.tags >= set(tags)]
