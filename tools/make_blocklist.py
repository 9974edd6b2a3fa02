"""Makes src/gatepass/accounts/passwords/blocklist.txt.gz: the passwords that attackers try first.

Those that leaks have most often are in common_passwords.txt, and hardly one of them has 15 characters. What people
do when a rule wants length is known, though: they double a word, put two together, add a year, or walk along the
keyboard. So the rest of the list is made from words that everybody knows, by those rules.

    python3 tools/make_blocklist.py            writes the file
    python3 tools/make_blocklist.py --check    exits with 1 if the file is not what would be written

The output is the same on every machine: sorted, folded, compressed without a time stamp.
"""

import gzip
import io
import sys
from collections.abc import Iterator
from itertools import pairwise, product
from pathlib import Path

TARGET = Path(__file__).resolve().parent.parent / "src" / "gatepass" / "accounts" / "passwords" / "blocklist.txt.gz"
COMMON = Path(__file__).resolve().parent / "common_passwords.txt"
SHORTEST, LONGEST = 8, 40
"""8 is the least that any policy accepts; a doubled phrase of more than 40 is not typed."""
SHORTEST_WORD = 4
"""Words alone are needed too: what people put around them is taken off before a password is looked up."""
TOP = """
password passwort passw0rd p@ssword p@ssw0rd pass admin administrator root login welcome letmein qwerty qwertz azerty
abc abcd abcdef iloveyou love monkey dragon master superman batman football baseball soccer hockey princess sunshine
shadow secret default changeme change test testing guest user system server computer internet access account money
geheim hallo willkommen motdepasse bonjour bienvenue contrasena hola senha
""".split()  # noqa: SIM905 (prose is easier to review than a list)
WORDS = """
angel apple august autumn baby banana bailey beautiful biscuit black blue bond boston brandon bubbles buster butterfly
buttercup camaro cameron captain casper charlie cheese chelsea chester chicken chocolate christmas chris coffee cookie
cooper corvette cowboy crystal dallas daniel december diamond dolphin eagle eagles family ferrari fender fire fish
flower flowers forever freedom friday friend friends gandalf garfield george ginger gold golden golfer green guitar
hammer hannah happy harley heather heaven hello honey horse hunter icecream jackson january jasmine jennifer jessica
jesus jordan joshua july june justin killer king kitten lakers liverpool london lovely maggie magic mandy marina
martin matrix matthew maverick mercedes merlin michael michelle mickey midnight minecraft monday monster morning mother
mountain muffin mustang naruto nascar nicole november october orange panther patrick peaches peanut pepper phoenix
player please pokemon porsche power precious pumpkin purple rabbit rainbow ranger raiders red robert rocket samantha
saturday scooter september silver simple slayer smile snoopy snow sparky spider spiderman spring star starwars steelers
summer sunday sunflower supergirl sweet sweetie taylor teddy tennis thomas thunder thursday tiger tigger trustno toyota
tuesday tweety united victoria viking warrior water wednesday whatever white william willow winner winter wizard wolf
yankees yellow zaq
sommer herbst frühling schatz sonne fussball berlin deutschland printemps automne soleil chouchou verano invierno
""".split()  # noqa: SIM905
PHRASES = """
correcthorsebatterystaple thequickbrownfox maytheforcebewithyou iloveyouforever iloveyousomuch iloveyoubaby trustno1
tobeornottobe opensesame letmeinplease letmeinnow letmein123 thisismypassword mypasswordis mypassword thepassword
newpassword oldpassword yourpassword notmypassword nopassword passwordispassword passwordforever changemenow
changemeplease changeitnow defaultpassword temporarypassword temppassword adminpassword rootpassword secretpassword
password1password welcometothejungle welcomehome welcomeback welcometomyworld helloworld helloworldhello goodmorning
goodnight happybirthday happynewyear merrychristmas whatisthis whoareyou whatsup howareyou jesuslovesme ilovejesus
godisgood godislove inthebeginning onceuponatime allyouneedislove liveandletlive livelaughlove keepcalmandcarryon
justdoit nevergiveup imissyou ihateyou ihatepasswords iforgotmypassword idontknow idontremember rememberme
themanwhosoldtheworld stairwaytoheaven imperialmarch lukeiamyourfather winteriscoming youknownothing
manchesterunited realmadrid liverpoolfc chelseafc arsenalfc fcbarcelona dallascowboys newyorkyankees redsox
washington california newyorkcity lasvegas losangeles sanfrancisco unitedstates unitedkingdom deutschland
""".split()  # noqa: SIM905
ROWS = (
    "1234567890",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "qwertzuiop",
    "yxcvbnm",
    "azertyuiop",
    "qsdfghjklm",
    "wxcvbn",
)
COLUMNS = ("1qaz", "2wsx", "3edc", "4rfv", "5tgb", "6yhn", "7ujm", "8ik,", "9ol.", "0p;/")
YEARS = [str(year) for year in range(1960, 2031)]
ENDINGS = [
    "1",
    "12",
    "123",
    "1234",
    "12345",
    "123456",
    "1234567",
    "12345678",
    "123456789",
    "1234567890",
    "!",
    "!!",
    "1!",
    "123!",
    "007",
    "69",
    "99",
    "00",
    "01",
    "11",
    "22",
    "77",
    "88",
    "111",
    "321",
    "666",
    "777",
    "888",
    "000",
    "2000",
    "4ever",
]


def entries() -> Iterator[str]:
    """All candidates, of any length, some more than once."""
    yield from (line for line in COMMON.read_text("ascii").splitlines() if line != "#" and not line.startswith("# "))
    yield from PHRASES
    yield from (phrase + ending for phrase in PHRASES for ending in ENDINGS[:8])
    yield from words_grown_longer()
    yield from keyboard_walks()
    yield from digit_runs()


def words_grown_longer() -> Iterator[str]:
    """Doubled, tripled, joined, dated and numbered words."""
    for word in (*TOP, *WORDS):
        yield word
        yield from (word * times for times in (2, 3, 4, 5))
        yield from (word + ending for ending in (*ENDINGS, *YEARS))
        yield from (word * 2 + ending for ending in ENDINGS[:12])
        yield from (word + "123" + word, word[::-1] * 2, word + word[::-1], "my" + word, "the" + word, "ilove" + word)
    for first, second in product(TOP, TOP + WORDS):
        yield first + second
    for first, second in product(TOP[:12], TOP[:24]):
        yield from (first + second + ending for ending in ENDINGS[:10])
        yield from (first + separator + second for separator in "-_. ")


def keyboard_walks() -> Iterator[str]:
    """Rows, columns, both ways, joined and repeated."""
    walks = [walk for row in ROWS for walk in (row, row[::-1])]
    columns = [walk for column in COLUMNS for walk in (column, column[::-1])]
    for walk in (*walks, *columns):
        yield from (walk * times for times in (1, 2, 3, 4))
        yield from (walk + ending for ending in ENDINGS)
    yield from (first + second for first, second in product(walks, walks))
    for row in (*ROWS[1:], "abcdefghij"):
        for first, second in ((ROWS[0], row), (row, ROWS[0])):
            zigzag = "".join(map("".join, zip(first, second, strict=False)))
            yield from (zigzag[:length] for length in range(SHORTEST, len(zigzag) + 1))
    for first, second in pairwise(ROWS):
        yield from ((first + second)[:length] for length in range(len(first), len(first + second)))
    yield from (first + second + third for first, second, third in product(walks[:8], repeat=3))
    for length in range(2, len(COLUMNS) + 1):
        for start in range(len(COLUMNS) - length + 1):
            run = "".join(COLUMNS[start : start + length])
            yield from (run, run[::-1], run * 2)
    for row in ROWS:
        yield from (row[start : start + length] * 2 for start in range(len(row)) for length in range(4, 10))
        yield from (row[start : start + length] * 3 for start in range(len(row)) for length in range(3, 10))


def digit_runs() -> Iterator[str]:
    """Counting up, down, around and in groups; dates without separators."""
    around = "1234567890" * 4
    down = around[::-1]
    for length in range(SHORTEST, LONGEST + 1):
        yield from (digits[start : start + length] for digits in (around, down) for start in range(10))
    yield from (f"{number:03}" * times for number in range(1000) for times in (3, 4, 5, 6))
    yield from (f"{number:02}" * times for number in range(100) for times in range(4, 10))
    yield from (first * 8 + second * 8 for first, second in product("0123456789", repeat=2))
    yield from ("".join(digit * times for digit in "123456789") for times in (1, 2, 3))
    yield from ("0123456789abcdef", "abcdef0123456789", "abc123abc123abc123", "a1b2c3d4e5f6g7h8", "1a2b3c4d5e6f7g8h")
    yield from ("3141592653589793", "31415926535897932384", "2718281828459045", "1123581321345589", "1010101010101010")
    for year, month, day in product(YEARS, range(1, 13), (1, 15, 25, 31)):
        yield f"{day:02}{month:02}{year}"


def make() -> bytes:
    """The file's bytes."""
    fitting = {entry.casefold() for entry in entries() if SHORTEST <= len(entry) <= LONGEST}
    fitting |= {word for word in (*TOP, *WORDS, *PHRASES, *ROWS) if len(word) >= SHORTEST_WORD}
    text = "".join(f"{entry}\n" for entry in sorted(fitting))
    packed = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=packed, compresslevel=9, mtime=0) as file:
        file.write(text.encode("utf-8"))
    return packed.getvalue()


def main() -> int:
    """Write the file, or compare it."""
    if "--check" in sys.argv[1:]:
        # Another zlib may pack otherwise: what is inside counts.
        same = gzip.decompress(TARGET.read_bytes()) == gzip.decompress(make())
        print("up to date" if same else f"{TARGET.name} is not what this makes: run it without --check")
        return 0 if same else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_bytes(make())
    print(f"{TARGET.name}: {TARGET.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
