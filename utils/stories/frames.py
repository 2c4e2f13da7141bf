"""What can happen in the world, and how it is said: events, their conditions and effects, English beside French.

    @name conditions => effects            an event (a frame); both parts may be empty
    + English || French                    a sentence for it, in one line or two; + allows a "Soon" before it
    ! role mood | English || French        the event as a cause: what `role` feels, after "because"

Slots: {role} or {role:form}. Roles a, b, c are people, ab two of them, t and u things, n an animal, p and q places; any
other role is named as its table in lexicon.py. The forms are those of grammar.py (English) and french.py (French).
Conditions and effects are those of grammar.World: `has a t` means that a has t.
"""

# connective | French | what it does to the clock
LEADS = """
Soon | Bientôt,
Then | Puis
After a while, | Au bout d'un moment,
A moment later, | Un instant plus tard,
Before long, | Peu après,
A little later, | Un peu plus tard,
After that, | Après cela,
A few minutes later, | Quelques minutes plus tard,
So | Alors
That afternoon, | Cet après-midi-là, | afternoon
In the afternoon, | L'après-midi, | afternoon
That evening, | Ce soir-là, | evening
In the evening, | Le soir, | evening
That night, | Cette nuit-là, | night
The next morning, | Le lendemain matin, | next
The next day, | Le lendemain, | next
Two days later, | Deux jours plus tard, | next
A few days later, | Quelques jours plus tard, | next
A week later, | Une semaine plus tard, | next
One week later, | Huit jours plus tard, | next
"""

OPENINGS = """
@live => intro a, lives a town
{a:name} was {trait:a} {a:girl} who lived in {town}.
    || {a:name} était {a:une} {a:fille} {trait:a} qui vivait à {town}.
{a:name} lived in {town} and was very {trait}. || {a:name} vivait à {town} et était très {trait:a}.
In {town} there lived {trait:a} {a:girl} called {a:name}.
    || À {town} vivait {a:une} {a:fille} {trait:a} qui s'appelait {a:name}.
There was once {trait:a} {a:girl} in {town} whose name was {a:name}.
    || Il y avait autrefois à {town} {a:une} {a:fille} {trait:a} du nom de {a:name}.
Everyone in {town} knew {a:name}, the {trait} {a:girl} with the loud laugh.
    || Tout le monde à {town} connaissait {a:name}, {a:la} {a:fille} {trait:a} au rire sonore.
@live_kin => intro a, intro b, kin b a, lives a town
{a:name} lived in {town} with {a:his} {b:kin} {b:name}. || {a:name} vivait à {town} avec {b:son} {b:name}.
In {town}, {a:name} shared a small house with {a:his} {b:kin} {b:name}.
    || À {town}, {a:name} partageait une petite maison avec {b:son} {b:name}.
{a:name} and {a:his} {b:kin} {b:name} lived at the end of a long street in {town}.
    || {a:name} et {b:son} {b:name} habitaient au bout d'une longue rue à {town}.
@dreamer => intro a
{a:name} was {a:a_girl} who wanted {dream} one day. || {a:name} était {a:une} {a:fille} qui voulait un jour {dream:a}.
More than anything, {a:name} hoped {dream}. || Plus que tout, {a:name} espérait {dream:a}.
{a:name} had always wanted {dream}. || {a:name} avait toujours voulu {dream:a}.
@one_day => at a p, clock time
One {time}, {a:name} was {p:in}, and {weather}. || {time:un}, {a:name} était {p:in}, et {weather}.
It was {time} and {weather} when {a:name} came {p:to}.
    || {time:c'était} et {weather} quand {a:name} est arrivé{a:e} {p:in}.
One {time}, when {weather}, {a:name} went {p:to}. || {time:un}, alors que {weather}, {a:name} est allé{a:e} {p:to}.
@kin => intro b, kin b a
{a} had {b:a_kin} called {b:name}. || {a} avait {b:un_kin} qui s'appelait {b:name}.
{a} spent a lot of time with {a:his} {b:kin} {b:name}. || {a} passait beaucoup de temps avec {b:son} {b:name}.
{a} loved {a:his} {b:kin} {b:name} very much. || {a} aimait beaucoup {b:son} {b:name}.
@friend => intro b
{a:his} best friend was called {b:name}. || {b:meilleur} s'appelait {b:name}.
{a} had a good friend called {b:name}. || {a} avait {b:un_ami} qui s'appelait {b:name}.
{a:name} and a {b:girl} called {b:name} were the best of friends.
    || {a:name} et {b:une} {b:fille} du nom de {b:name} étaient les meilleur{ab:s} ami{ab:s} du monde.
{a} often played with {b:name}, who lived next door.
    || {a} jouait souvent avec {b:name}, qui habitait la maison d'à côté.
@work => intro b, job b job
{b:name} was the {job} of the village. || {b:name} était {job:le} du village.
{b:name} worked in the village as {job:a}. || {b:name} travaillait au village comme {job:b}.
Everyone liked {b:name}, the {job}. || Tout le monde aimait {b:name}, {job:le}.
The {job}, {b:name}, always had time for children. || {job:le}, {b:name}, avait toujours du temps pour les enfants.
@own => owns a t, has a t
{a} had {t:a}. || {a} avait {t:un}.
{a} owned {t:a} and took it everywhere. || {a} possédait {t:un} et {t:la} emportait partout.
{a:his} favorite thing was {t:a}. || Ce que {a} préférait, c'était {t:un}.
{a} always carried {t:a} in {a:his} bag. || {a} avait toujours {t:un} dans son sac.
{a} was very fond of {a:his} {t:bare}. || {a} tenait beaucoup à {t:son}.
@keepsake has a t => intro b, kin b a
It was a present from {a:his} {b:kin} {b:name}. || C'était un cadeau de {b:son} {b:name}.
{a:his} {b:kin} {b:name} had given {a:him} {t} long ago.
    || {b:son} {b:name} {a:lui} avait offert {t} il y a longtemps.
{a} had got {t} from {a:his} {b:kin} {b:name}. || {a} avait reçu {t} de {b:son} {b:name}.
@member => lives a organization
{a} belonged to the {organization}. || {a} faisait partie {organization:du}.
{a} went to the {organization} every week. || {a} allait {organization:au} toutes les semaines.
{a} was one of the youngest members of the {organization}.
    || {a} était l'un des plus jeunes membres {organization:du}.
"""

MOVING = """
@go => at a p
+ {a} went {p:to}. || {a} est allé{a:e} {p:to}.
+ {a} walked {p:to}. || {a} a marché {p:jusque}.
+ {a} hurried {p:to}. || {a} s'est dépêché{a:e} d'aller {p:to}.
+ {a} ran {p:to} as fast as {a:he} could. || {a} a couru {p:jusque} aussi vite que possible.
+ {a} took the path {p:to_the}. || {a} a pris le chemin {p:du}.
@go_pair => at a p, at b p
+ {ab} went {p:to} together. || {ab} sont allé{ab:s} ensemble {p:to}.
+ {ab} walked {p:to}. || {ab} ont marché {p:jusque}.
+ {ab} rode their bicycles {p:to}. || {ab} sont allé{ab:s} à vélo {p:to}.
+ {ab} took the bus {p:to}. || {ab} ont pris le bus pour aller {p:to}.
+ {a} took {b} {p:to}. || {a} a emmené {b} {p:to}.
@go_home => at a home
+ {a} went home. || {a} est rentré{a:e} à la maison.
+ {a} ran home as fast as {a:he} could. || {a} a couru à la maison aussi vite que possible.
+ {a} walked slowly home. || {a} est rentré{a:e} lentement à la maison.
@go_home_pair => at a home, at b home
+ {ab} walked home side by side. || {ab} sont rentré{ab:s} à la maison côte à côte.
+ {ab} hurried home together. || {ab} se sont dépêché{ab:s} de rentrer ensemble.
+ {ab} returned home, tired and hungry. || {ab} sont rentré{ab:s}, fatigué{ab:s} et affamé{ab:s}.
@arrive => at b p
+ {b:name} came {p:to} as well. || {b:name} est venu{b:e} aussi {p:to}.
{b:name} was already {p:in}. || {b:name} était déjà {p:in}.
{b:name} was waiting {p:in}. || {b:name} attendait {p:in}.
@meet at a p => at b p
+ {a} met {b:name} {p:in}. || {a} a rencontré {b:name} {p:in}.
+ {a} saw {b:name} {p:in} and waved. || {a} a aperçu {b:name} {p:in} et a fait un signe de la main.
+ {b:name} came along and greeted {a:name}. || {b:name} est passé{b:e} par là et a salué {a:name}.
@call_on => at a home, at b home
+ {a} ran to the house of {b:name}. || {a} a couru jusque chez {b:name}.
+ {a} knocked at {b:name's} door. || {a} a frappé à la porte de {b:name}.
+ {a} went to see {b:name}. || {a} est allé{a:e} voir {b:name}.
"""

THINGS = """
@lose has a t => gone t
+ {a} noticed that {t} was gone. || {a} s'est aperçu{a:e} que {t} avait disparu.
+ {a} reached into {a:his} bag, but {t} was not there. || {a} a cherché dans son sac, mais {t} n'y était pas.
+ {a} could not find {t} anywhere. || {a} ne trouvait {t} nulle part.
"Where is my {t:bare}?" {a:cried}. || « Où est {t:mon} ? » {a:cried}.
+ {a} lost {t} somewhere along the way. || {a} a perdu {t} quelque part en chemin.
"My {t:bare} was here this morning," {a:said}, "and now it is gone!"
    || « {t:Mon} était là ce matin, {a:said}, et maintenant, plus rien ! »
! a bad | {a:he} had lost {t} || {a:il} avait perdu {t}
@search_pair near a b =>
+ {ab} searched every corner {p:of}. || {ab} ont fouillé chaque coin {p:du}.
+ {ab} looked {spot}, but they found nothing. || {ab} ont regardé {spot}, mais en vain.
+ {ab} looked everywhere, even {spot}. || {ab} ont cherché partout, même {spot}.
+ {ab} searched for {t} for a whole hour. || {ab} ont cherché {t} pendant une heure entière.
"It must be here," {b:said}, and looked {spot}. || « C'est forcément ici », {b:said} en regardant {spot}.
@search =>
+ {a} looked {spot}, but there was nothing. || {a} a regardé {spot}, mais il n'y avait rien.
+ {a} searched for {t} everywhere. || {a} a cherché {t} partout.
+ {a} turned over every stone, but {t} was not there. || {a} a retourné chaque pierre, mais {t} n'y était pas.
@find_spot free t, lies t spot => has a t
+ {a} found {t} {spot}. || {a} a trouvé {t} {spot}.
+ {a} saw something {spot}: it was {t}! || {a} a vu quelque chose {spot} : c'était {t} !
"Look, there it is!" {a:cried} and pointed at {t} {spot}. || « Regarde, là ! » {a:cried} en montrant {t} {spot}.
+ {a} spotted {t} {spot} and picked it up. || {a} a repéré {t} {spot} et {t:la} a ramassé{t:e}.
{t:cap} was lying {spot}, and {a} picked it up. || {t:cap} se trouvait {spot}, et {a} {t:la} a ramassé{t:e}.
! a good | {a:he} had found {t} || {a:il} avait trouvé {t}
@find_new at a p => new t, has a t
+ {a} found {t:a} {spot}. || {a} a trouvé {t:un} {spot}.
+ {a} stumbled over something: it was {t:a}. || {a} a trébuché sur quelque chose : c'était {t:un}.
Something was lying {spot}, and {a} bent down to look: it was {t:a}.
    || Quelque chose se trouvait {spot}, et {a} s'est penché{a:e} pour regarder : c'était {t:un}.
+ {a} discovered {t:a} that someone had left {spot}. || {a} a découvert {t:un} que quelqu'un avait laissé{t:e} {spot}.
! a good | {a:he} had found {t:a} || {a:il} avait trouvé {t:un}
@give has a t, near a b => has b t
+ {a} gave {t} to {b}. || {a} a donné {t} à {b}.
+ {a} handed {t} to {b}. || {a} a tendu {t} à {b}.
+ {a} gave {b:him} {t}. || {a} {b:lui} a donné {t}.
"This is for you," {a:said} and gave {b:name} {t}. || « C'est pour toi », {a:said} en donnant {t} à {b:name}.
! b good | {a:name} had given {b:him} {t} || {a:name} {b:lui} avait donné {t}
@give_back has a t, owns b t, near a b => has b t
+ {a} gave {t} back to {b}. || {a} a rendu {t} à {b}.
+ {a} brought {t} back to {b}. || {a} a rapporté {t} à {b}.
"Here is your {t:bare}," {a:said} to {b:name}. || « Voici {t:ton} », {a:said} à {b:name}.
+ {a} returned {t} to {b} with a smile. || {a} a rendu {t} à {b} avec un sourire.
! b good | {b:he} had {t} again || {b:il} avait retrouvé {t}
@lend has a t, owns a t, near a b => has b t
+ {a} lent {a:his} {t:bare} to {b}. || {a} a prêté {t:son} à {b}.
"You may borrow my {t:bare}," {a:said} to {b:name}. || « Tu peux emprunter {t:mon} », {a:said} à {b:name}.
+ {a} let {b} borrow {t} for the day. || {a} a laissé {b} emprunter {t} pour la journée.
@present => new t, has b t, owns b t
+ {a} gave {b} {t:a}. || {a} a offert {t:un} à {b}.
"I have something for you," {a:said} and handed {b:name} {t:a}.
    || « J'ai quelque chose pour toi », {a:said} en tendant {t:un} à {b:name}.
As a surprise, {a:name} brought {b:name} {t:a}. || Par surprise, {a:name} a apporté {t:un} à {b:name}.
! b good | {a:name} had given {b:him} {t:a} || {a:name} {b:lui} avait offert {t:un}
@reward => new t, has b t, owns b t
+ {a} thanked {b} with {t:a}. || {a} a remercié {b} en lui offrant {t:un}.
"Take this as a reward," {a:said} and handed {b:name} {t:a}.
    || « Voici ta récompense », {a:said} en tendant {t:un} à {b:name}.
+ {a} rewarded {b} with {t:a}. || {a} a récompensé {b} avec {t:un}.
! b good | {a:name} had rewarded {b:him} with {t:a} || {a:name} {b:lui} avait offert {t:un}
@make => new t, has a t, owns a t
+ {a} made {t:a} out of wood, paper and glue. || {a} a fabriqué {t:un} avec du bois, du papier et de la colle.
+ {a} worked for three days and made {t:a}. || {a} a travaillé trois jours et a fabriqué {t:un}.
+ {a} decided to make {t:a}, and {a:he} did it very well.
    || {a} a décidé de fabriquer {t:un}, et {a:il} y est très bien arrivé{a:e}.
! a pride | {a:he} had made {t} all alone || {a:il} avait fabriqué {t} tout{a:e} seul{a:e}
@hide has a t => drop t, lies t spot
+ {a} hid {t} {spot}. || {a} a caché {t} {spot}.
+ {a} put {t} {spot}, where nobody would look. || {a} a mis {t} {spot}, là où personne n'irait voir.
+ {a} wrapped {t} in paper and hid it {spot}. || {a} a emballé {t} dans du papier et {t:la} a caché{t:e} {spot}.
@fetch free t => has a t
+ {a} fetched {t} from its hiding place. || {a} est allé{a:e} chercher {t} dans sa cachette.
+ {a} took {t} out of its hiding place. || {a} a sorti {t} de sa cachette.
@want => wants a t, new t
+ {a} saw {t:a} in a shop window and wanted it at once.
    || {a} a vu {t:un} dans une vitrine et {t:la} a tout de suite voulu{t:e}.
{a} had wished for {t:a} for months. || {a} rêvait {t:d'un} depuis des mois.
{a} wanted {t:a} more than anything. || {a} voulait {t:un} plus que tout.
"If only I had {t:a}," {a:said}. || « Si seulement j'avais {t:un} », {a:said}.
! a bad | {a:he} could not buy {t} || {a:il} ne pouvait pas acheter {t}
@poor wants a t =>
But {t} was too expensive. || Mais {t} coûtait trop cher.
{a} counted {a:his} coins, but there were not enough for {t}.
    || {a} a compté ses pièces, mais il n'y en avait pas assez pour {t}.
{a} did not have enough money for {t}. || {a} n'avait pas assez d'argent pour {t}.
@earn near a b => earned a
+ {b} paid {a:name} for the work. || {b} a payé {a:name} pour son travail.
+ {b} gave {a:name} a few coins for the help. || {b} a donné quelques pièces à {a:name} pour son aide.
! a pride | {a:he} had earned some money || {a:il} avait gagné un peu d'argent
@buy wants a t, earned a => has a t, owns a t
+ {a} bought {t} at last. || {a} a enfin acheté {t}.
+ {a} had enough money and bought {t}. || {a} avait assez d'argent et a acheté {t}.
+ {a} ran to the shop, paid, and came out with {t}. || {a} a couru au magasin, a payé et est ressorti{a:e} avec {t}.
! a pride | {a:he} had bought {t} with {a:his} own money || {a:il} avait acheté {t} avec son propre argent
@enjoy has a t =>
{a} could not stop looking at {t}. || {a} ne pouvait pas s'arrêter de regarder {t}.
{a} took {t} everywhere from then on. || Depuis, {a} emportait {t} partout.
{a} kept {t} for many years. || {a} a gardé {t} pendant de longues années.
That night, {t} lay beside {a:his} bed. || Cette nuit-là, {t} était à côté du lit de {a}.
@borrow_ask owns b t, has b t =>
"May I borrow your {t:bare}?" {a:asked}. || « Est-ce que je peux emprunter {t:ton} ? » {a:asked}.
{a} asked {b} for {t}. || {a} a demandé {t} à {b}.
"Could you lend me your {t:bare} until tomorrow?" {a:asked}.
    || « Tu pourrais me prêter {t:ton} jusqu'à demain ? » {a:asked}.
@break has a t, whole t => broken t
+ {a} {mishap}, and {t} broke. || {a} {mishap:a}, et {t} s'est cassé{t:e}.
+ {a} {mishap} and dropped {t}, which broke in two.
    || {a} {mishap:a} et a fait tomber {t}, qui s'est cassé{t:e} en deux.
But {a} {mishap}, and suddenly {t} was broken. || Mais {a} {mishap:a}, et tout à coup {t} était cassé{t:e}.
! a guilt | {a:he} had broken {t} || {a:il} avait cassé {t}
! c anger | {a:name} had broken {c:his} {t:bare} || {a:name} avait cassé {t:son}
@confess broken t =>
"I broke your {t:bare}," {a:admitted} to {b:name}. || « J'ai cassé {t:ton} », {a:admitted} à {b:name}.
"Something terrible has happened to your {t:bare}," {a:said}. || « Il est arrivé malheur à {t:ton} », {a:said}.
+ {a} told {b} the truth about {t}. || {a} a dit à {b} la vérité au sujet {t:du}.
+ {a} showed {b} the broken {t:bare} and looked at the ground.
    || {a} a montré à {b} {t} cassé{t:e} et a baissé les yeux.
@repair broken t => whole t, has a t
+ {a} repaired {t} with glue and string. || {a} a réparé {t} avec de la colle et de la ficelle.
+ {a} mended {t} carefully. || {a} a réparé {t} avec soin.
+ {a} worked on {t} until it was whole again. || {a} a travaillé sur {t} jusqu'à la réparation complète.
! a pride | {a:he} had repaired {t} || {a:il} avait réparé {t}
! c good | {a:name} had repaired {c:his} {t:bare} || {a:name} avait réparé {t:son}
@like_new whole t =>
{t:cap} looked as good as new. || {t:cap} était comme neu{t:fve}.
One could hardly see where {t} had been broken. || On voyait à peine l'endroit où {t} s'était cassé{t:e}.
@swap has a t, has b u, near a b => has a u, has b t, owns a u, owns b t
+ {a} swapped {t} for {b:name's} {u:bare}. || {a} a échangé {t} contre {u} de {b:name}.
"Shall we swap? I will give you my {t:bare} for your {u:bare}," {a:said} to {b:name}, and so they did.
    || « On échange ? {t:Mon} contre {u:ton} », {a:said} à {b:name}, et c'est ce qu'{ab:ils} ont fait.
+ {ab} agreed to trade {t} for {u}. || {ab} ont décidé d'échanger {t} contre {u}.
! a good | {a:he} had got {u} || {a:il} avait eu {u}
! a bad | {a:he} missed {t} || {t} {a:lui} manquait
@miss lacks a t =>
{a} lay awake and thought of {t}. || {a} ne dormait pas et pensait {t:au}.
But {a:name} missed {t} more and more. || Mais {t} manquait de plus en plus à {a:name}.
"I should have kept {t}," {a:said}. || « J'aurais dû garder {t} », {a:said}.
@steal has a t => has n t
+ {n:cap_a} came and snatched {t}. || {n:cap_un} est arrivé{n:e} et s'est emparé{n:e} {t:du}.
Suddenly {n:a} grabbed {t} and was gone in a flash. || Soudain, {n:un} a attrapé {t} et a disparu en un éclair.
While {a} was looking away, {n:a} ran off with {t}.
    || Pendant que {a} regardait ailleurs, {n:un} s'est sauvé{n:e} avec {t}.
! a bad | {n} had stolen {t} || {n} avait volé {t}
@chase has n t => at a p
+ {a} chased {n} all the way {p:to}. || {a} a poursuivi {n} {p:jusque}.
+ {a} ran after {n} {p:to}. || {a} a couru après {n} {p:jusque}.
"Stop, thief!" {a:shouted} and followed {n} {p:to}. || « Au voleur ! » {a:shouted} en suivant {n} {p:jusque}.
@drop_animal has n t => gone t, lies t spot
There {n} dropped {t} {spot}. || Là, {n} a laissé tomber {t} {spot}.
+ {n} got tired of {t} and dropped it {spot}. || {n} s'est lassé{n:e} {t:du} et {t:la} a laissé tomber {spot}.
{n:cap} let go of {t} and vanished {spot}. || {n:cap} a lâché {t} et a disparu {spot}.
@nest has n t, at a p => has a t
+ {a} found the home of {n} {spot}, and there was {t}. || {a} a trouvé la cachette {n:du} {spot}, et {t} y était.
+ {a} offered {n} {feed}, and {n:it} let go of {t}. || {a} a proposé {feed} {n:au}, et {n:il} a lâché {t}.
! a good | {a:he} had got {t} back || {a:il} avait récupéré {t}
@whose has a t =>
"Whose {t:bare} is this?" {a:asked}. || « À qui est {t:ce} ? » {a:asked}.
"Somebody must be missing this {t:bare}," {a:said}. || « {t:Ce} doit manquer à quelqu'un », {a:said}.
{a} wondered who had lost {t}. || {a} se demandait qui avait perdu {t}.
@owner_known has a t => owns b t
"I know {t}, it belongs to {b:name}," {a:said}. || « Je connais {t}, ça appartient à {b:name} », {a:said}.
There was a name on {t}: it belonged to {b:name}. || Il y avait un nom sur {t} : c'était celui de {b:name}.
+ {a} read the name on {t}, and the name was {b:name}. || {a} a lu le nom écrit sur {t}, et c'était {b:name}.
"That is my {t:bare}!" {b:cried}. || « C'est {t:mon} ! » {b:cried}.
@play_thing has a t =>
{a} played with {t} all day. || {a} a joué avec {t} toute la journée.
{a} showed {t} to everyone {p:in}. || {a} a montré {t} à tout le monde {p:in}.
{a} held {t} tightly in both hands. || {a} serrait {t} dans ses deux mains.
{a} had {t} with {a:him} that day. || {a} avait {t} avec {a:elle} ce jour-là.
@quarrel near a b =>
Both wanted {t}, and they began to quarrel. || Tous deux voulaient {t}, et la dispute a éclaté.
"I saw {t} first!" {b:shouted}. || « C'est moi qui ai vu {t} en premier ! » {b:shouted}.
+ {b} pulled at {t}, and {a:name} pulled harder. || {b} a tiré sur {t}, et {a:name} a tiré plus fort.
! a anger | {b:name} wanted {t} too || {b:name} voulait aussi {t}
! b anger | {a:name} did not want to share {t} || {a:name} ne voulait pas partager {t}
@share near a b =>
+ {ab} agreed to take turns with {t}. || {ab} ont décidé d'utiliser {t} à tour de rôle.
"Let us share {t}," {a:suggested}. || « Partageons {t} », {a:suggested}.
"You may have {t} today, and I tomorrow," {b:suggested}. || « Prends {t} aujourd'hui, et moi demain », {b:suggested}.
! b good | {b:he} could share {t} with {a:name} || {b:il} pouvait partager {t} avec {a:name}
"""

FEELING = """
@feel =>
{a} was {feeling} because {cause}. || {a} était {feeling:a} parce que {cause}.
{a} felt {feeling} because {cause}. || {a} se sentait {feeling:a} parce que {cause}.
{a} was {feeling}, for {cause}. || {a} était {feeling:a}, car {cause}.
No wonder {a} was {feeling}: {cause}. || Rien d'étonnant à ce que {a} soit {feeling:a} : {cause}.
@feel_plain =>
That made {a:name} {feeling}. || Cela a rendu {a:name} {feeling:a}.
{a} felt {feeling}, and {a:his} heart beat fast. || {a} se sentait {feeling:a}, et son cœur battait fort.
{a} was so {feeling} that {a:he} could hardly speak. || {a} était si {feeling:a} qu'{a:il} pouvait à peine parler.
@cry =>
{a} sat down and began to cry. || {a} s'est assis{a:e} et s'est mis{a:e} à pleurer.
Tears ran down {a:his} cheeks. || Des larmes coulaient sur les joues de {a}.
{a} tried hard not to cry. || {a} essayait très fort de ne pas pleurer.
{a} wiped {a:his} eyes with {a:his} sleeve. || {a} s'est essuyé les yeux avec sa manche.
@smile =>
{a} laughed out loud. || {a} a éclaté de rire.
{a} smiled from ear to ear. || {a} souriait jusqu'aux oreilles.
{a} danced around the room. || {a} dansait de joie.
{a} hugged {b}. || {a} a serré {b} dans ses bras.
{a} whistled a merry tune. || {a} sifflait un air joyeux.
@comfort near a b =>
+ {b} put an arm around {a:name}. || {b} a pris {a:name} par l'épaule.
"Do not worry, {a:name}," {b:said}. || « Ne t'inquiète pas, {a:name} », {b:said}.
"We will find a way," {b:said} to {a:name}. || « On va trouver une solution », {b:said} à {a:name}.
+ {b} comforted {a:name} and gave {a:him} a handkerchief. || {b} a consolé {a:name} et {a:lui} a donné un mouchoir.
"Cheer up," {b:whispered}, "every problem has an answer."
    || « Courage, {b:whispered}, chaque problème a sa solution. »
@ask_matter =>
"What is the matter, {a:name}?" {b:asked}. || « Qu'est-ce qui ne va pas, {a:name} ? » {b:asked}.
"Why are you so {feeling}, {a:name}?" {b:asked}. || « Pourquoi es-tu si {feeling:a}, {a:name} ? » {b:asked}.
{b} asked {a:name} what was wrong. || {b} a demandé à {a:name} ce qui n'allait pas.
@tell =>
+ {a} told {b} everything. || {a} a tout raconté à {b}.
+ {a} explained to {b} what had happened. || {a} a expliqué à {b} ce qui s'était passé.
+ {a} told {b:him} the whole story. || {a} {b:lui} a raconté toute l'histoire.
@offer near a b =>
"I will help you," {b:promised}. || « Je vais t'aider », {b:promised}.
"Two pairs of eyes see more than one," {b:said} to {a:name}. || « À deux, on voit mieux », {b:said} à {a:name}.
+ {b} offered to help {a:name}. || {b} a proposé d'aider {a:name}.
"Come, we will do it together," {b:said} to {a:name}. || « Viens, on va le faire ensemble », {b:said} à {a:name}.
@thank near a b =>
+ {a} thanked {b}. || {a} a remercié {b}.
"Thank you, {b:name}!" {a:cried}. || « Merci, {b:name} ! » {a:cried}.
"I will never forget this, {b:name}," {a:said}. || « Je n'oublierai jamais ça, {b:name} », {a:said}.
+ {a} thanked {b} with all {a:his} heart. || {a} a remercié {b} de tout son cœur.
"You are wonderful," {a:said} to {b:name}. || « Tu es formidable », {a:said} à {b:name}.
@sorry near a b =>
"I am so sorry, {b:name}," {a:whispered}. || « Je suis vraiment désolé{a:e}, {b:name} », {a:whispered}.
"Please forgive me," {a:said} to {b:name}. || « Pardonne-moi, s'il te plaît », {a:said} à {b:name}.
+ {a} begged {b} for forgiveness. || {a} a demandé pardon à {b}.
+ {a} said sorry to {b} and meant it. || {a} a présenté ses excuses à {b}, et c'était sincère.
@forgive near a b =>
+ {b} forgave {a:name} at once. || {b} a tout de suite pardonné à {a:name}.
"It was an accident," {b:said} to {a:name}. || « C'était un accident », {b:said} à {a:name}.
"You are worth more to me than any thing," {b:said}. || « Tu comptes plus pour moi qu'un objet », {b:said}.
+ {b} shook {a:name's} hand, and all was well again.
    || {b} a serré la main de {a:name}, et tout est rentré dans l'ordre.
! a good | {b:name} had forgiven {a:him} || {b:name} {a:lui} avait pardonné
@friends =>
From that day on, {a:name} and {b:name} were friends. || Depuis ce jour, {a:name} et {b:name} étaient ami{ab:s}.
{a:name} and {b:name} stayed friends for ever. || {a:name} et {b:name} sont resté{ab:s} ami{ab:s} pour toujours.
{ab} promised to help each other always. || {ab} se sont promis de toujours s'entraider.
! a good | {b:name} was {a:his} friend now || {b:name} était désormais {b:son_ami}
@lesson_care =>
After that, {a:name} always looked after {a:his} things. || Après cela, {a:name} a toujours pris soin de ses affaires.
From then on, {a:name} was more careful. || Depuis, {a:name} faisait plus attention.
{a} promised to be more careful in the future. || {a} a promis de faire plus attention à l'avenir.
@lesson_help =>
{a} had learned to ask for help. || {a} avait appris à demander de l'aide.
{a} knew now that nobody is ever quite alone. || {a} savait maintenant qu'on n'est jamais tout à fait seul.
{a} understood that patience is a kind of courage. || {a} avait compris que la patience est une forme de courage.
@lesson_truth =>
{a} knew now that the truth is always best. || {a} savait maintenant que la vérité vaut toujours mieux.
{a} had learned that honest people sleep well. || {a} avait appris que les gens honnêtes dorment bien.
{a} felt as light as a feather. || {a} se sentait le cœur léger.
@lesson =>
{a} never forgot that day. || {a} n'a jamais oublié cette journée.
That evening, {a:name} told the whole family about it. || Ce soir-là, {a:name} a tout raconté à la famille.
In {a:his} diary {a:name} wrote: "What a day!" || Dans son journal, {a:name} a écrit : « Quelle journée ! »
{a} fell asleep with a smile. || {a} s'est endormi{a:e} en souriant.
That night {a:name} slept better than ever. || Cette nuit-là, {a:name} a dormi mieux que jamais.
"Tomorrow will be even better," {a:said}. || « Demain sera encore mieux », {a:said}.
"""

DOING = """
@pastime at a p =>
+ {ab} {pastime:past} there. || {ab} y ont {pastime:done}.
+ {ab} {pastime:past} for an hour. || {ab} ont {pastime:done} pendant une heure.
{ab} laughed a lot and {pastime:past}. || {ab} ont beaucoup ri et ont {pastime:done}.
"Let us {pastime}!" {a:said} to {b:name}. || « Si on allait {pastime} ? » {a:said} à {b:name}.
@pastime_alone =>
+ {a} wanted to {pastime}. || {a} voulait {pastime}.
+ {a} {pastime:past} all alone. || {a} a {pastime:done} tout{a:e} seul{a:e}.
@plan =>
+ {ab} decided to {pastime}. || {ab} ont décidé de {pastime}.
"Shall we {pastime} {p:in}?" {a:asked}. || « On va {pastime} {p:in} ? » {a:asked}.
{ab} wanted to {pastime} {p:in}. || {ab} voulaient {pastime} {p:in}.
@storm =>
Suddenly {storm}. || Soudain, {storm}.
But then {storm}. || Mais {storm}.
+ {storm}. || {storm}.
"Oh no!" {a:cried}, because {storm}. || « Oh non ! » {a:cried}, car {storm}.
! a fear | {storm} || {storm}
@shelter =>
+ {ab} ran for shelter {shelter}. || {ab} ont couru se mettre à l'abri {shelter}.
+ {ab} hid {shelter}. || {ab} se sont caché{ab:s} {shelter}.
"Quick, this way!" {b:cried}, and they waited {shelter}.
    || « Vite, par ici ! » {b:cried}, et l'attente a commencé {shelter}.
@storm_over =>
+ the weather changed, and {weather}. || le temps a changé, et {weather}.
When it was over, {weather}. || Quand tout a été fini, {weather}.
An hour later it was over, and {weather}. || Une heure plus tard, c'était fini, et {weather}.
@wet =>
{a:name} was wet to the skin, but {a:he} laughed. || {a:name} était trempé{a:e} jusqu'aux os, mais {a:il} riait.
{a} sneezed three times, and {b:name} wrapped {a:him} in a blanket.
    || {a} a éternué trois fois, et {b:name} {a:la} a enveloppé{a:e} dans une couverture.
{a} dried {a:his} hair by the fire. || {a} s'est séché les cheveux près du feu.
@chore =>
+ {a} {chore:past} for {b}. || {a} a {chore:done} pour {b}.
+ {a} helped {b:name} to {chore}. || {a} a aidé {b:name} à {chore}.
+ {a} {chore:past} until {a:his} arms ached. || {a} a {chore:done} jusqu'à en avoir mal aux bras.
! b good | {a:name} had {chore:part} for {b:him} || {a:name} avait {chore:done} pour {b:elle}
@chore_ask =>
"If you {chore}, I will pay you," {b:said} to {a:name}.
    || « Si tu veux bien {chore}, je te paierai », {b:said} à {a:name}.
"I need somebody to {chore}," {b:said}. || « J'ai besoin de quelqu'un pour {chore} », {b:said}.
"Could you {chore} for me?" {b:asked}. || « Tu pourrais {chore} pour moi ? » {b:asked}.
{b} was old and could no longer {chore} alone. || {b} était âgé{b:e} et ne pouvait plus {chore} sans aide.
@wish_skill =>
{a} wanted to learn to {skill}. || {a} voulait apprendre à {skill}.
"I wish I could {skill}," {a:said}. || « J'aimerais tant savoir {skill} », {a:said}.
All the other children could {skill}, but {a:name} could not.
    || Tous les autres enfants savaient {skill}, mais pas {a:name}.
! a bad | {a:he} could not {skill} || {a:il} ne savait pas {skill}
@teach =>
"I will teach you to {skill}," {b:said} to {a:name}. || « Je vais t'apprendre à {skill} », {b:said} à {a:name}.
+ {b} showed {a:name} how to {skill}. || {b} a montré à {a:name} comment {skill}.
"First you must be patient," {b:explained}, "and then you will learn to {skill}."
    || « D'abord, il faut de la patience, {b:explained}, et ensuite tu sauras {skill}. »
@fail =>
{a} tried to {skill}, but it did not work. || {a} a essayé de {skill}, mais cela n'a pas marché.
The first time, {a:name} failed. || La première fois, {a:name} a échoué.
{a} tried again and again to {skill}. || {a} a essayé encore et encore de {skill}.
"It is too hard," {a:said}. || « C'est trop difficile », {a:said}.
! a bad | {a:he} still could not {skill} || {a:il} ne savait toujours pas {skill}
@practice =>
{a} practiced every day {p:in}. || {a} s'entraînait tous les jours {p:in}.
{a} did not give up and practiced {p:in} until dark.
    || {a} n'a pas abandonné et s'est entraîné{a:e} {p:in} jusqu'à la nuit.
Every evening {a:name} practiced {p:in}. || Chaque soir, {a:name} s'entraînait {p:in}.
@succeed =>
+ {a} {skill:past} for the first time. || {a} a {skill:done} pour la première fois.
At last {a:name} could {skill}. || Enfin, {a:name} savait {skill}.
"Look, I can {skill}!" {a:cried}. || « Regardez, je sais {skill} ! » {a:cried}.
! a pride | {a:he} could {skill} at last || {a:il} savait enfin {skill}
! b pride | {a:name} had learned to {skill} || {a:name} avait appris à {skill}
@afraid =>
{a} had always been afraid of {fear}. || {a} avait toujours eu peur {fear}.
Only one thing scared {a:name}: {a:he} was afraid of {fear}.
    || Une seule chose inquiétait {a:name} : {a:il} avait peur {fear}.
{a} was brave, but not when it came to {fear}. || {a} avait du courage, sauf quand il s'agissait {fear}.
"I am afraid of {fear}," {a:admitted}. || « J'ai peur {fear} », {a:admitted}.
! a fear | {a:he} was afraid of {fear} || {a:il} avait peur {fear}
@hesitate at a p =>
{a} stood {p:in} and did not dare to go on. || {a} restait {p:in} et n'osait pas continuer.
{a:his} knees trembled. || Les genoux de {a} tremblaient.
{a} closed {a:his} eyes and counted to ten. || {a} a fermé les yeux et a compté jusqu'à dix.
"I cannot do it," {a:whispered}. || « Je n'y arriverai pas », {a:whispered}.
@encourage near a b =>
"Hold my hand," {b:said} to {a:name}. || « Tiens ma main », {b:said} à {a:name}.
"You can do it, {a:name}!" {b:called}. || « Tu peux le faire, {a:name} ! » {b:called}.
+ {b} told {a:name} that everyone is afraid of something.
    || {b} a dit à {a:name} que tout le monde a peur de quelque chose.
"I used to be afraid of {fear} too," {b:said}. || « Moi aussi, j'avais peur {fear} autrefois », {b:said}.
@dare =>
+ {a} took a deep breath and did it. || {a} a respiré profondément et l'a fait.
+ {a} was no longer afraid of {fear}. || {a} n'avait plus peur {fear}.
Step by step, {a:name} forgot all about {fear}. || Pas à pas, {a:name} a oublié sa peur {fear}.
! a pride | {a:he} was no longer afraid of {fear} || {a:il} n'avait plus peur {fear}
@cook_plan =>
{ab} wanted to make {dish:a}. || {ab} voulaient préparer {dish:un}.
"Let us make {dish:a}," {a:said} to {b:name}. || « Préparons {dish:un} », {a:said} à {b:name}.
{ab} were hungry and decided to make {dish:a}. || {ab} avaient faim et ont décidé de préparer {dish:un}.
@missing =>
"There is no {ingredient} left!" {b:cried}. || « Il n'y a plus {ingredient:de} ! » {b:cried}.
But there was no {ingredient} in the kitchen. || Mais il n'y avait pas {ingredient:de} dans la cuisine.
{b} opened the cupboard and found no {ingredient}. || {b} a ouvert le placard et n'a pas trouvé {ingredient:de}.
! a bad | there was no {ingredient} left || il n'y avait plus {ingredient:de}
@get_ingredient at a p =>
+ {a} bought some {ingredient} {p:in}. || {a} a acheté {ingredient:du} {p:in}.
+ {a} asked for {ingredient} {p:in} and got a whole bag.
    || {a} a demandé {ingredient:du} {p:in} et en a reçu un sac entier.
@neighbor_ingredient =>
+ {c:name} gave {a:name} some {ingredient}. || {c:name} a donné {ingredient:du} à {a:name}.
"Take as much {ingredient} as you need," {c:said} to {a:name}.
    || « Prends tout ce qu'il te faut », {c:said} à {a:name} en sortant {ingredient:du}.
! a good | {c:name} had given {a:him} some {ingredient} || {c:name} {a:lui} avait donné {ingredient:du}
@cook near a b =>
+ {ab} mixed, stirred and baked until {dish} was ready.
    || {ab} ont mélangé, remué et cuit jusqu'à ce que {dish} soit {dish:pret}.
+ {ab} made {dish:a} together. || {ab} ont préparé {dish:un} ensemble.
+ {a} stirred, and {b:name} put in the {ingredient}. || {a} remuait, et {b:name} ajoutait {ingredient:du}.
! b good | {dish} had turned out so well || {dish} était si {dish:reussi}
@eat =>
{dish:cap} smelled wonderful. || {dish:cap} sentait merveilleusement bon.
+ {ab} shared {dish} and ate every crumb. || {ab} ont partagé {dish} et ont tout mangé.
{dish:cap} tasted better than ever. || {dish:cap} n'avait jamais été aussi {dish:bon}.
+ {a} and {b:name} ate {dish} by the fire. || {a} et {b:name} ont mangé {dish} près du feu.
@enter =>
There was to be {contest:a} at the {festival}. || Il devait y avoir {contest:un} {festival:au}.
{a} entered the {contest} of the {organization}. || {a} s'est inscrit{a:e} {contest:au} {organization:du}.
{a} wanted to win the {contest} at the {festival}. || {a} voulait gagner {contest} {festival:au}.
@compete =>
{a} {contest:did} as well as {a:he} could. || {a} a {contest:done} de son mieux.
{a:name} and {b:name} both took part in the {contest}. || {a:name} et {b:name} ont participé {contest:au}.
The {contest} began, and {a:name} did {a:his} best. || {contest:cap} a commencé, et {a:name} a fait de son mieux.
@win =>
+ {a} won the {contest}. || {a} a gagné {contest}.
"The winner is {a:name}!" called the judge of the {contest}.
    || « Et le prix va à {a:name} ! » a annoncé le jury {contest:du}.
{a} came first, and everybody clapped. || {a} est arrivé{a:e} en tête, et tout le monde a applaudi.
! a pride | {a:he} had won the {contest} || {a:il} avait gagné {contest}
@not_win =>
But {b:name} won the {contest}. || Mais c'est {b:name} qui a gagné {contest}.
{a} came last in the {contest}. || {a} a fini à la dernière place {contest:du}.
! a bad | {a:he} had not won the {contest} || {a:il} n'avait pas gagné {contest}
@congratulate =>
+ {a} shook {b:name's} hand. || {a} a serré la main de {b:name}.
"Well done, {b:name}!" {a:said}. || « Bravo, {b:name} ! » {a:said}.
"You were wonderful, {b:name}," {a:said}. || « Tu as été formidable, {b:name} », {a:said}.
"""

ANIMALS = """
@hear at a p =>
+ {a} heard {noise} {spot}. || {a} a entendu {noise} {spot}.
+ {a} stopped, because there was {noise} {spot}. || {a} s'est arrêté{a:e}, car il y avait {noise} {spot}.
"What was that?" {a:asked}, for there was {noise}. || « Qu'est-ce que c'est ? » {a:asked}, car il y avait {noise}.
! a fear | there was {noise} || il y avait {noise}
@meet_animal at a p => new n, at n p
+ {a} saw {n:a} {spot}. || {a} a vu {n:un} {spot}.
There was {n:a} sitting {spot}. || {n:cap_un} était assis{n:e} {spot}.
+ {a} discovered {n:a} {spot}. || {a} a découvert {n:un} {spot}.
There sat {n:a} and looked at {a:name} with big eyes.
    || {n:cap_un} était là et regardait {a:name} avec de grands yeux.
! a good | {a:he} had found {n:a} || {a:il} avait trouvé {n:un}
@hurt =>
{n:cap} had hurt its {injury}. || {n:cap} s'était blessé {injury}.
Its {injury} was bleeding, and {n} could not get away. || {injury:cap} saignait, et {n} ne pouvait pas s'enfuir.
{a} saw that {n} had hurt its {injury}. || {a} a vu que {n} s'était blessé {injury}.
! a bad | {n} was hurt || {n} était blessé{n:e}
@take_home near a n => at a home, at n home
+ {a} carried {n} home in {a:his} arms. || {a} a ramené {n} à la maison dans ses bras.
+ {a} wrapped {n} in a scarf and took {n:it} home.
    || {a} a enveloppé {n} dans un foulard et {n:la} a ramené{n:e} à la maison.
+ {a} decided to take {n} home. || {a} a décidé de ramener {n} à la maison.
@bandage =>
+ {b} put a bandage on the wounded {injury}. || {b} a bandé {injury} blessé{injury:e}.
+ {b} cleaned the {injury} with warm water. || {b} a nettoyé {injury} à l'eau tiède.
"It will heal in a few days," {b:said}. || « Ça va guérir en quelques jours », {b:said}.
@feed_it near a n =>
+ {a} gave {n} {feed}. || {a} a donné {feed} {n:au}.
+ {a} fed {n} with {feed}. || {a} a nourri {n} avec {feed}.
{n:cap} ate {feed} out of {a:his} hand. || {n:cap} a mangé {feed} dans la main de {a:name}.
@call_it => called n pet_name
+ {a} called {n} {pet_name}. || {a} a appelé {n} {pet_name}.
"Your name will be {pet_name}," {a:said}. || « Tu t'appelleras {pet_name} », {a:said}.
+ {a} decided that {pet_name} was the right name for {n}. || {a} a décidé que {pet_name} était le bon nom pour {n}.
@call_it_pet owns a n => called n pet_name
{n:its} name was {pet_name}. || {n:il_cap} s'appelait {pet_name}.
@own_pet => new n, owns a n
{a} had {n:a}. || {a} avait {n:un}.
{a} lived with {n:a} that followed {a:him} everywhere. || {a} vivait avec {n:un} qui {a:la} suivait partout.
@animal_gone owns a n => gone_animal n
+ {n} ran away. || {n} s'est enfui{n:e}.
+ {a} looked for {n}, but the basket was empty. || {a} a cherché {n}, mais le panier était vide.
"Has anybody seen {n}?" {a:asked}. || « Est-ce que quelqu'un a vu {n} ? » {a:asked}.
! a bad | {n} had run away || {n} s'était enfui{n:e}
@animal_found at a p, lost_animal n => at n p
+ {a} found {n} {p:in}, {spot}. || {a} a retrouvé {n} {p:in}, {spot}.
There was {n}, fast asleep {spot}. || {n:cap} était là, profondément endormi{n:e} {spot}.
+ {a} heard a familiar sound, and there was {n} {spot}! || {a} a entendu un bruit familier : {n} était {spot} !
! a good | {n} was back || {n} était de retour
@heal =>
{n:cap} grew stronger every day. || {n:cap} reprenait des forces chaque jour.
+ {n} could move and play again. || {n} pouvait de nouveau bouger et jouer.
! a good | {n} was healthy again || {n} était guéri{n:e}
@release => at a p, at n p
+ {a} took {n} back {p:to} and set {n:it} free. || {a} a ramené {n} {p:to} et {n:la} a relâché{n:e}.
+ {a} carried {n} {p:to} and said goodbye. || {a} a porté {n} {p:jusque} et {n:lui} a dit au revoir.
@stay => owns a n
From then on, {n} slept at the foot of {a:his} bed. || Depuis, {n} dormait au pied du lit de {a:name}.
{n:cap} stayed with {a:name} for good. || {n:cap} est resté{n:e} pour toujours avec {a:name}.
"May I keep {n}?" {a:asked}, and of course {a:he} could.
    || « Est-ce que je peux garder {n} ? » {a:asked}, et bien sûr, c'était possible.
@look_back =>
{n:cap} turned around once more, as if to say thank you.
    || {n:cap} s'est retourné{n:e} une dernière fois, comme pour dire merci.
{a} waved until {n} was out of sight. || {a} a fait signe de la main jusqu'à ce que {n} disparaisse.
@relief_laugh =>
{ab} looked at each other and burst out laughing. || {ab} se sont regardé{ab:s} et ont éclaté de rire.
"And I thought it was a ghost!" {a:said}. || « Et moi qui croyais que c'était un fantôme ! » {a:said}.
"So you are our ghost," {b:said} to {n}. || « C'est donc toi, notre fantôme », {b:said} {n:au}.
"""

DISTANCE = """
@far => intro b
{a:his} friend {b:name} had moved to {town}. || {b:son_ami} {b:name} avait déménagé à {town}.
{b:name}, {a:his} old friend, lived far away in {town}.
    || {b:name}, {b:son_ami} d'autrefois, vivait loin de là, à {town}.
! a alone | {b:name} lived so far away || {b:name} vivait si loin
@write =>
+ {a} wrote a long letter to {b}. || {a} a écrit une longue lettre à {b}.
+ {a} sat down {p:in} and wrote to {b}. || {a} s'est installé{a:e} {p:in} et a écrit à {b}.
"I miss you, {b:name}," wrote {a:name}. || « Tu me manques, {b:name} », a écrit {a:name}.
+ {a} sent {b} a letter about {dish:a} and the {festival}.
    || {a} a envoyé à {b} une lettre au sujet {dish:d'un} et {festival:du}.
@wait =>
Days went by without an answer from {b:name}. || Les jours ont passé sans réponse de {b:name}.
Every morning {a:name} waited for the mail. || Chaque matin, {a:name} attendait le courrier.
{a} looked into the mailbox again and again. || {a} regardait sans cesse dans la boîte aux lettres.
! a bad | {b:name} had not answered || {b:name} n'avait pas répondu
@answer =>
+ there came a letter from {b:name}. || une lettre de {b:name} est arrivée.
+ {b:name} answered: "I will come to the {festival}!" || {b:name} a répondu : « Je viendrai {festival:au} ! »
"I have thought of you every day," wrote {b:name}. || « J'ai pensé à toi tous les jours », a écrit {b:name}.
! a good | {b:name} had written to {a:him} || {b:name} {a:lui} avait écrit
@visit => at a p, at b p
+ {a} met {b} {p:in}, and they talked for hours. || {a} a retrouvé {b} {p:in}, et la conversation a duré des heures.
+ {b} got off the train and ran to {a:name}. || {b} est descendu{b:e} du train et a couru vers {a:name}.
! a good | {b:name} had come to see {a:him} || {b:name} était venu{b:e} {a:la} voir
@newcomer => intro a, lives a town
{a:name} was new in {town} and knew nobody. || {a:name} venait d'arriver à {town} et n'y connaissait personne.
{a:name} had just moved to {town}, where everything was strange.
    || {a:name} venait de déménager à {town}, où tout était étrange.
! a alone | {a:he} was new in {town} || {a:il} était {a:nouveau} à {town}
@watch_others at a p =>
{a} watched the other children {p:in}. || {a} regardait les autres enfants {p:in}.
{a} sat alone {spot} and watched the others play. || {a} restait seul{a:e} {spot} et regardait jouer les autres.
! a alone | nobody played with {a:him} || personne ne jouait avec {a:elle}
@invite at a p => intro b, at b p
"Would you like to {pastime} with us?" asked a {b:girl} called {b:name}.
    || « Tu veux {pastime} avec nous ? » a demandé {b:une} {b:fille} du nom de {b:name}.
A {b:girl} called {b:name} came over and invited {a:name} to {pastime}.
    || {b:Une} {b:fille} du nom de {b:name} s'est approché{b:e} et a invité {a:name} à {pastime}.
"Hello, I am {b:name}," said {trait:a} {b:girl}. || « Bonjour, je suis {b:name} », a dit {b:une} {b:fille} {trait:b}.
! a good | {b:name} had spoken to {a:him} || {b:name} {a:lui} avait parlé
@join => lives a organization
+ {a} joined the {organization}. || {a} est entré{a:e} {organization:au}.
"Come with me to the {organization}," {b:said}. || « Viens avec moi {organization:au} », {b:said}.
+ {b} took {a:name} along to the {organization}. || {b} a emmené {a:name} {organization:au}.
@birthday =>
It would soon be {b:name's} birthday. || Ce serait bientôt l'anniversaire de {b:name}.
{b:name} was going to have a birthday soon. || L'anniversaire de {b:name} approchait.
{a} wanted to surprise {b:name} on {b:his} birthday.
    || {a} voulait faire une surprise à {b:name} pour son anniversaire.
@suspect =>
"What are you hiding?" {b:asked}, but {a:name} only smiled.
    || « Qu'est-ce que tu caches ? » {b:asked}, mais {a:name} s'est contenté{a:e} de sourire.
{b} looked {spot}, but saw nothing. || {b} a regardé {spot}, mais n'a rien vu.
{b} wondered why {a:name} was so quiet. || {b} se demandait pourquoi {a:name} ne disait rien.
@happy_birthday near a b =>
"Happy birthday, {b:name}!" {a:cried}. || « Joyeux anniversaire, {b:name} ! » {a:cried}.
"Close your eyes and hold out your hands," {a:said} to {b:name}.
    || « Ferme les yeux et tends les mains », {a:said} à {b:name}.
@gift has a t, near a b => has b t, owns b t
+ {a} put {t} into {b:name's} hands. || {a} a mis {t} dans les mains de {b}.
+ {b} opened the parcel and found {t}. || {b} a ouvert le paquet et a découvert {t}.
"I made it for you," {a:said} and gave {b:name} {t}.
    || « Je l'ai fait pour toi », {a:said} en offrant {t} à {b:name}.
! b good | {a:name} had made {t} for {b:him} || {a:name} avait fabriqué {t} pour {b:elle}
"""

MORE = """
@miss_sleep =>
{a} could not sleep that night. || {a} n'a pas pu dormir cette nuit-là.
{a} did not want any supper. || {a} n'a pas voulu dîner.
{a} kept thinking about it. || {a} y pensait sans cesse.
@pastime_wait =>
While they waited, {a:name} and {b:name} {pastime:past}. || En attendant, {a:name} et {b:name} ont {pastime:done}.
"Let us {pastime} while we wait," {b:suggested}. || « Si on en profitait pour {pastime} ? » {b:suggested}.
@pastime_two =>
+ {ab} {pastime:past}. || {ab} ont {pastime:done}.
{ab} talked, laughed and {pastime:past} all day. || {ab} ont parlé, ri et {pastime:done} toute la journée.
@encourage_plain =>
"You can do it, {a:name}!" {b:called}. || « Tu peux y arriver, {a:name} ! » {b:called}.
{b} helped {a:name} every evening. || {b} aidait {a:name} tous les soirs.
{b} brought {a:name} a cup of hot cocoa. || {b} a apporté à {a:name} une tasse de chocolat chaud.
@rival => intro b
{b:name} from the next village was very good, too. || {b:name}, du village voisin, était très fort{b:e} aussi.
Everyone thought that {b:name} would win. || Tout le monde pensait que {b:name} allait gagner.
{a} was a little afraid of {b:name}, who had won last year.
    || {a} craignait un peu {b:name}, qui avait gagné l'année précédente.
@prize => new t, has a t, owns a t
The prize was {t:a}, and {a:name} held it up high. || Le prix était {t:un}, et {a:name} {t:la} a levé{t:e} bien haut.
+ {a} received {t:a} as a prize. || {a} a reçu {t:un} en récompense.
@next_year =>
"Next year I will try again," {a:said}. || « L'année prochaine, je réessaierai », {a:said}.
{b} said that taking part was what mattered. || {b} a dit que l'important était de participer.
{a} decided to practice even more. || {a} a décidé de s'entraîner encore plus.
@reread =>
{a} read the letter from {b:name} until {a:he} knew it by heart.
    || {a} a lu la lettre de {b:name} jusqu'à la connaître par cœur.
{a} put the letter from {b:name} under {a:his} pillow. || {a} a mis la lettre de {b:name} sous son oreiller.
@helper at a p => intro b, at b p
A {b:girl} called {b:name} was standing {p:in} and had seen everything.
    || {b:Une} {b:fille} du nom de {b:name} se trouvait {p:in} et avait tout vu.
{a} met a {b:girl} called {b:name} {p:in}. || {a} a rencontré {b:une} {b:fille} du nom de {b:name} {p:in}.
@owner_told has a t => owns c t
"That looks like the {t:bare} of {c:name}," {b:said}. || « On dirait {t} de {c:name} », {b:said}.
+ {b} told {a:name} that {t} belonged to {c:name}. || {b} a dit à {a:name} que {t} appartenait à {c:name}.
@return_to => at a home, at b home
+ {a} came home, where {b:name} was waiting. || {a} est rentré{a:e} à la maison, où {b:name} attendait.
+ {a} went home to {b:name}. || {a} est rentré{a:e} à la maison auprès de {b:name}.
@search_pet =>
+ {ab} looked {spot}, but {n} was not there. || {ab} ont regardé {spot}, mais {n} n'y était pas.
+ {ab} called and whistled, but {n} did not come. || {ab} ont appelé et sifflé, mais {n} n'est pas venu{n:e}.
"""

FRAMES = OPENINGS + MOVING + THINGS + FEELING + DOING + ANIMALS + DISTANCE + MORE
