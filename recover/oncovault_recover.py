#!/usr/bin/env python3
"""Get your files back out of an OncoVault vault, without OncoVault.

You need three things: the vault (a folder with `log`, `pack`, `table` and `target` in it; a bucket can be
downloaded into one), the recovery kit (24 words, or the line that begins with ONCOVAULT1-, or enough of its
shares), and Python 3.9 or newer on Linux or macOS with these packages:

    python3 -m venv venv
    venv/bin/pip install blake3 zstandard cryptography kyber-py mnemonic dilithium-py shamir-mnemonic

Then:

    oncovault_recover.py --vault DIR --kit-file KIT.txt list
    oncovault_recover.py --vault DIR --kit-file KIT.txt restore 1a2b3c4d --to NEW-FOLDER
    oncovault_recover.py --vault DIR --kit-file KIT.txt restore latest --to NEW-FOLDER --only home/anna
    oncovault_recover.py --vault DIR --kit-file KIT.txt check

`list` shows the snapshots, `restore` writes one into a folder that is new or empty, `check` reads everything
and changes nothing. The vault is only ever read. Everything read is verified: signatures, hashes, seals and the
id of every piece of every file. What is damaged is named, and the rest goes on.

Exit codes: 0 all is well; 1 it could not be done, or not in full, for a reason outside the vault (wrong kit,
disk full, an attribute that this disk cannot hold); 20 something in the vault is damaged, lost or forged.

This program shares no code with OncoVault. It was written from docs/FORMAT.md alone; marks such as §5.2 below
are its sections. It reads version 1 of the format, suite 1.
"""

import argparse
import errno
import functools
import hashlib
import hmac
import itertools
import json
import os
import re
import secrets
import stat
import struct
import sys
from collections import OrderedDict, namedtuple
from datetime import datetime, timedelta, timezone

try:
    import zstandard
    from blake3 import blake3
    from cryptography.exceptions import InvalidSignature, InvalidTag, UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM, AESGCMSIV
except ImportError as missing:
    sys.exit(f"A package is missing: {missing.name}. Install the packages as told by --help's first page:\n"
             "    pip install blake3 zstandard cryptography kyber-py mnemonic dilithium-py")

CACHED_FRAMES = 64 << 20  # bytes of decoded frames kept in memory
MIB = 1 << 20


class Bad(Exception):
    """Something stored is damaged, lost, forged, or of a kind that this program does not know."""


class Stop(Exception):
    """Nothing more can be done."""


class Report:
    """Says at once what is wrong, and remembers how bad it was."""

    def __init__(self):
        self.damaged = self.failed = 0

    def damage(self, text):
        self.damaged += 1
        print(f"DAMAGED: {text}", file=sys.stderr)

    def failure(self, text):
        self.failed += 1
        print(f"failed: {text}", file=sys.stderr)

    @staticmethod
    def note(text):
        print(f"note: {text}", file=sys.stderr)

    def exit_code(self):
        return 20 if self.damaged else 1 if self.failed else 0


def printable(name):
    """A file's name for people: no byte of it can steer a terminal."""
    text = name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name)
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


# ---------------------------------------------------------------------------------------------------------
# CBOR (§1.2): the subset, read without recursion, then held against the shape that the text describes.

def decode_cbor(data):
    """One value that fills `data`."""
    pos, size, open_arrays = 0, len(data), []
    while True:
        if pos >= size:
            raise Bad("CBOR ends early")
        first, pos = data[pos], pos + 1
        major, argument = first >> 5, first & 31
        if major == 7:
            if first not in (0xF4, 0xF5, 0xF6):
                raise Bad("CBOR of a kind that is not used")
            value = {0xF4: False, 0xF5: True, 0xF6: None}[first]
        elif major > 4 or argument > 27:
            raise Bad("CBOR of a kind that is not used")
        else:
            if argument >= 24:
                width, least = 1 << (argument - 24), (24, 1 << 8, 1 << 16, 1 << 32)[argument - 24]
                argument = int.from_bytes(data[pos:pos + width], "big")
                pos += width
                if argument < least or pos > size:
                    raise Bad("CBOR not in its shortest form")
            if major >= 2 and argument > size - pos:
                raise Bad("CBOR ends early")
            if major == 0:
                value = argument
            elif major == 1:
                value = -1 - argument
            elif major == 4:
                value = []
                if argument:
                    open_arrays.append((value, argument))
                    continue
            else:
                value, pos = data[pos:pos + argument], pos + argument
                if major == 3:
                    try:
                        value = value.decode("utf-8")
                    except UnicodeDecodeError:
                        raise Bad("CBOR text that is not UTF-8") from None
        while open_arrays:
            array, wanted = open_arrays[-1]
            array.append(value)
            if len(array) < wanted:
                break
            value = open_arrays.pop()[0]
        else:
            if pos != size:
                raise Bad("bytes behind the end of CBOR")
            return value


def encode_cbor(value):
    """What associated data needs: arrays, byte strings, unsigned integers, null."""
    def start(major, number):
        for info, width in ((24, 1), (25, 2), (26, 4), (27, 8)):
            if number < 24:
                return bytes([major << 5 | number])
            if number < 1 << (8 * width):
                return bytes([major << 5 | info]) + number.to_bytes(width, "big")
    if value is None:
        return b"\xf6"
    if isinstance(value, int):
        return start(0, value)
    if isinstance(value, bytes):
        return start(2, len(value)) + value
    return start(4, len(value)) + b"".join(map(encode_cbor, value))


def shaped(shape, value):
    """`value` as `shape` describes it: a function checks one value, a list [X] means any number of X, a tuple
    means an array of these fields, behind which later versions may have added more."""
    if callable(shape):
        return shape(value)
    if not isinstance(value, list):
        raise Bad("no array where one belongs")
    if isinstance(shape, list):
        return [shaped(shape[0], item) for item in value]
    if len(value) < len(shape):
        raise Bad("an array with too few fields")
    return tuple(shaped(field, item) for field, item in zip(shape, value))


def unsigned(bits):
    def check(value):
        if type(value) is not int or not 0 <= value < 1 << bits:
            raise Bad("not a fitting integer")
        return value
    return check


def octets(length=None):
    def check(value):
        if not isinstance(value, bytes) or length not in (None, len(value)):
            raise Bad("not a fitting byte string")
        return value
    return check


def instance_of(kind):
    def check(value):
        if not isinstance(value, kind):
            raise Bad(f"not a {kind.__name__}")
        return value
    return check


def integer(value):
    if type(value) is not int or not -(1 << 63) <= value < 1 << 63:
        raise Bad("not a fitting integer")
    return value


def below(limit):
    def check(value):
        if unsigned(64)(value) >= limit:
            raise Bad(f"{value} where numbers below {limit} are known")
        return value
    return check


def optional(shape):
    return lambda value: None if value is None else shaped(shape, value)


def exact(*fields):
    def check(value):
        if not isinstance(value, list) or len(value) != len(fields):
            raise Bad("an array whose length is of an unknown kind")
        return shaped(fields, value)
    return check


def tagged(what, table, fixed=False):
    """An array that begins with a number, which says what follows."""
    def check(value):
        if not isinstance(value, list) or not value or type(value[0]) is not int or value[0] not in table:
            raise Bad(f"{what} of an unknown kind")
        fields = table[value[0]]
        if fixed and len(value) != 1 + len(fields):
            raise Bad(f"{what} of an unknown kind")
        return (value[0],) + shaped(fields, value[1:])
    return check


ANYTHING = lambda value: value  # noqa: E731
TEXT, BOOL = instance_of(str), instance_of(bool)
U8, U16, U32, U64 = (unsigned(bits) for bits in (8, 16, 32, 64))
BYTES, B8, B16, B32, KEM = octets(), octets(8), octets(16), octets(32), octets(1216)
TIME = (integer, below(10 ** 9))
NAME = (B8, B8, U64, B32)
STORED = (B32, U64)
CHUNK_REF = ((B32, U16), U16, B16)
KEYS = (KEM, octets(1984))
AUDIENCE = tagged("an audience", {0: (), 1: (B8,), 2: (B8, B8)}, fixed=True)
LIST_REF = tagged("a place for lists", {0: ([BYTES],), 1: (B32, U64)}, fixed=True)
HEAD, COMMIT, ACCEPT, REJECT, FORGET, HOLD, RELEASE, CONDEMN, PLACES, DELETE, TAG, LINK = range(12)
STATEMENT = tagged("a statement", {
    HEAD: ([tagged("a change", {
        0: (KEYS,), 1: (B8, [below(5)], KEYS, B8, [B8]), 2: (B8, [(B8, B8, U64)]), 3: (B8, U32, KEM),
        4: (U32, KEM), 5: (STORED,)})],),
    COMMIT: ([STORED], [STORED], BOOL, optional(TIME)),
    ACCEPT: (NAME, TIME, U64, U64), REJECT: (NAME, TEXT), FORGET: ([NAME],), HOLD: ([NAME], TEXT),
    RELEASE: (NAME,), CONDEMN: ([(B32, below(2), optional([(B32, [U16])]))],),
    PLACES: ([STORED], [STORED]), DELETE: ([B32],), TAG: (NAME,), LINK: ()})
BODY = (B8, B8, U64, [B32], [NAME], B16, TIME, STATEMENT, [(AUDIENCE, U32, BYTES)])
COUNTS = (U64, U64, U64, U64)
SNAPSHOT = (TIME, TIME, TEXT, TEXT, TEXT, [BYTES], [TEXT], optional(CHUNK_REF), U8, optional(CHUNK_REF), U8, TEXT,
            COUNTS, TEXT)
PAGE_PLACE = ((B32, U16), U16)
STRUCTURE = (B8, optional(PAGE_PLACE), optional(PAGE_PLACE), COUNTS, LIST_REF, LIST_REF)
PLACEMENT = (U64, B8, U32, B8, B32, U64, U32, B32, [(U16, U32, B32)])
EXTENT_PAGE = (U64, U16, U16, B16, U64)


def extent(value):
    if isinstance(value, list) and len(value) == 1:
        return exact(U64)(value)
    return exact(U64, U16, U16, B16, U32)(value)


def content(value):
    if value is None or isinstance(value, bytes):
        return value
    level, items = shaped((below(33), ANYTHING), value)
    return level, shaped([EXTENT_PAGE if level else extent], items)


def state(value):
    if value is None or value is True or isinstance(value, str):
        return value
    raise Bad("a state of an unknown kind")


ENTRY = (BYTES, tagged("an entry", {0: (), 1: (), 2: (BYTES,), 3: (), 4: (), 5: (U32, U32), 6: (U32, U32)}),
         below(0o10000), U32, U32, BYTES, BYTES, integer, below(10 ** 9), U64, [(BYTES, BYTES)],
         optional(U64), content, state)
Entry = namedtuple("Entry", "name kind mode uid gid user group seconds nanos size attributes link content state")
POINTER = (BYTES, BYTES, U64, U16, U16, B16, U64, U64)


# ---------------------------------------------------------------------------------------------------------
# Cryptography (§1.4, §3.3)

def derive(context, *parts):
    return blake3(b"".join(parts), derive_key_context="oncovault 2026 v1 " + context).digest()


def keyed_hash(key, data):
    return blake3(data, key=key).digest()


def nonce(number):
    return struct.pack("<Q4x", number)


def open_siv(key, number, aad, sealed):
    try:
        return AESGCMSIV(key).decrypt(nonce(number), sealed, aad)
    except (InvalidTag, ValueError):
        raise Bad("the seal does not open") from None
    except UnsupportedAlgorithm:
        raise Stop("this build of `cryptography` lacks AES-GCM-SIV: install a newer one from PyPI") from None


def ml_kem_768(seed):
    """The encapsulation key of a seed d ‖ z, and a function that decapsulates."""
    try:
        from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
        secret = MLKEM768PrivateKey.from_seed_bytes(seed)
        return secret.public_key().public_bytes_raw(), secret.decapsulate
    except (ImportError, UnsupportedAlgorithm):
        pass
    try:
        from kyber_py.ml_kem import ML_KEM_768
    except ImportError:
        raise Stop("the package kyber-py is missing: pip install kyber-py") from None
    public, secret = ML_KEM_768.key_derive(seed)
    return public, lambda ciphertext: ML_KEM_768.decaps(secret, ciphertext)


@functools.lru_cache(maxsize=1024)
def x_wing(seed):
    """The public key of an X-Wing seed, and a function from `enc` to the shared secret."""
    expanded = hashlib.shake_256(seed).digest(96)
    ml_kem_public, decapsulate = ml_kem_768(expanded[:64])
    x25519 = X25519PrivateKey.from_private_bytes(expanded[64:])
    x25519_public = x25519.public_key().public_bytes_raw()

    def shared_secret(enc):
        both = decapsulate(enc[:1088]) + x25519.exchange(X25519PublicKey.from_public_bytes(enc[1088:]))
        return hashlib.sha3_256(both + enc[1088:] + x25519_public + b"\\.//^\\").digest()
    return ml_kem_public + x25519_public, shared_secret


def open_hpke(seed, info, aad, sealed):
    if len(sealed) < 1120 + 16:
        raise Bad("a sealed secret that is too short")
    suite = b"HPKE" + bytes.fromhex("647a00010002")

    def extract(salt, label, data):
        return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + data, "sha256")

    def expand(key, label, data, length):  # one round of HKDF-Expand: at most 32 bytes
        text = length.to_bytes(2, "big") + b"HPKE-v1" + suite + label + data
        return hmac.digest(key, text + b"\x01", "sha256")[:length]
    try:
        shared = x_wing(seed)[1](sealed[:1120])
        context = b"\0" + extract(b"", b"psk_id_hash", b"") + extract(b"", b"info_hash", info)
        secret = extract(shared, b"secret", b"")
        cipher = AESGCM(expand(secret, b"key", context, 32))
        return cipher.decrypt(expand(secret, b"base_nonce", context, 12), sealed[1120:], aad)
    except (InvalidTag, ValueError):
        raise Bad("the seal does not open") from None


def ml_dsa_65_holds(public, message, signature):
    """True or false; None where no package can tell."""
    try:
        from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA65PublicKey
        MLDSA65PublicKey.from_public_bytes(public).verify(signature, message)
        return True
    except (InvalidSignature, ValueError):
        return False
    except (ImportError, UnsupportedAlgorithm):
        pass
    try:
        from dilithium_py.ml_dsa import ML_DSA_65
    except ImportError:
        return None
    try:
        return bool(ML_DSA_65.verify(public, message, signature))
    except ValueError:
        return False


def signature_holds(public, header_and_body, signature, report):
    """§4.3: both signatures, over the same message."""
    text = b"oncovault 2026 v1 sign record"
    message = bytes([len(text)]) + text + header_and_body
    try:
        Ed25519PublicKey.from_public_bytes(public[:32]).verify(signature[:64], message)
    except (InvalidSignature, ValueError):
        return False
    second = ml_dsa_65_holds(public[32:], message, signature[64:])
    if second is None and not hasattr(report, "said_ml_dsa"):
        report.said_ml_dsa = True
        report.note("dilithium-py is not installed: of each signature only the Ed25519 half is verified")
    return second is not False


# ---------------------------------------------------------------------------------------------------------
# The recovery kit (§3.1)

def word_list():
    try:
        from mnemonic import Mnemonic
        return Mnemonic("english").wordlist
    except ImportError:
        raise Stop("the package mnemonic is missing (or use the line ONCOVAULT1-… of the kit)") from None


def seed_of_shares(text):
    """The 32 bytes behind shares of the kit (SLIP-0039), each on a line or in a paragraph of its own; None if there
    are none, or the package for them is missing."""
    try:
        from shamir_mnemonic import MnemonicError, combine_mnemonics
        from shamir_mnemonic.wordlist import WORDLIST
    except ImportError:
        return None
    listed = set(WORDLIST)
    blocks = [re.findall(r"[a-z]+", block) for block in re.split(r"\n\s*\n", text.lower())]
    blocks += [re.findall(r"[a-z]+", line) for line in text.lower().splitlines()]
    some = [words[start:start + 33] for words in blocks if len(words) % 33 == 0 for start in range(0, len(words), 33)]
    shares = {" ".join(words): None for words in some if all(word in listed for word in words)}
    if not shares:
        return None
    try:
        # The package wants no more than it needs; which, it takes from the first four words of a share.
        first = next(iter(shares)).split()
        needed = (WORDLIST.index(first[3]) & 15) + 1
        seed = combine_mnemonics(list(shares)[:needed])
    except MnemonicError as error:
        raise Stop(f"{len(shares)} shares of a kit: {error}") from None
    if len(seed) != 32:
        raise Stop("these shares are of something else than a recovery kit")
    return seed


def seed_of_kit(text):
    """The 32 bytes behind the kit: from its line of text or its 24 words, wherever in `text` they stand, or from
    enough of its shares."""
    import base64
    for found in re.findall(r"ONCOVAULT1-((?:[A-Z2-7]\s*){56})", text.upper()):
        raw = base64.b32decode("".join(found.split()))
        if derive("recovery checksum", raw[:32])[:3] == raw[32:]:
            return raw[:32]
    if "ONCOVAULT1-" in text.upper():
        raise Stop("the kit's line ONCOVAULT1-… has a mistake in it: its checksum is wrong")
    seed = seed_of_shares(text)
    if seed:
        return seed
    numbers = {word: number for number, word in enumerate(word_list())}
    listed = {int(number): word for number, word in re.findall(r"\b(\d{1,2})[.):]?\s+([a-z]+)", text.lower())}
    words = re.findall(r"[a-z]+", text.lower())
    if sorted(listed) == list(range(1, 25)):  # numbered words may stand in columns
        words = [listed[number] for number in range(1, 25)] + words
    for start in range(max(1, len(words) - 23)):
        some = words[start:start + 24]
        if len(some) == 24 and all(word in numbers for word in some):
            bits = functools.reduce(lambda bits, word: bits << 11 | numbers[word], some, 0)
            seed = (bits >> 8).to_bytes(32, "big")
            if hashlib.sha256(seed).digest()[0] == bits & 255:
                return seed
    unknown = sorted({word for word in words if word not in numbers})
    if len(words) == 24 and unknown:
        raise Stop("not words of a recovery kit: " + ", ".join(map(printable, unknown)))
    raise Stop(f"these are not the 24 words of a recovery kit in their order ({len(words)} words found); shares of a "
               "kit, of 33 words, need the package shamir-mnemonic and an empty line between them")


class Kit:
    def __init__(self, seed):
        member = derive("recovery member", seed)
        self.kem_seed = derive("member kem seed", member)
        self.kem_public = x_wing(self.kem_seed)[0]
        ed25519 = Ed25519PrivateKey.from_private_bytes(derive("member ed25519 seed", member))
        self.ed25519_public = ed25519.public_key().public_bytes_raw()

    def is_named_by(self, keys):
        return keys[0] == self.kem_public and keys[1][:32] == self.ed25519_public


# ---------------------------------------------------------------------------------------------------------
# Objects in a folder (§2)

Record = namedtuple("Record", "name previous seen time statement")  # name: member, target, number, hash
PACK, TABLE, RECORD, IDENTITY = 1, 2, 3, 4  # kinds of objects
CONTENT, PAGES, EXTENTS = 0, 1, 4  # kinds of frames that hold chunks
SIGNATURE = 64 + 3309


def check_header(data, kind, vault):
    if data[:8] != b"OncoVlt\n":
        raise Bad("this is no object of a vault")
    if len(data) < 44 or data[9:11] != b"\1\0":
        raise Bad("it is of another version of the format")
    if data[11] != 1:
        raise Bad(f"its suite {data[11]} is unknown")
    if data[8] != kind:
        raise Bad(f"it is of kind {data[8]} where kind {kind} belongs")
    if data[12:44] != vault:
        raise Bad("it belongs to another vault")


class Folders:
    """A target in a folder, and other copies of it: finds and reads objects by name."""

    def __init__(self, path, copies=()):
        self.paths = [path, *copies]

    @staticmethod
    def name(place, digest):
        return f"{place}/{digest[:1].hex()}/{digest.hex()}"

    @staticmethod
    def record_name(name):
        member, target, number, digest = name
        return f"log/{member.hex()}-{target.hex()}/{number // 1024:014x}/{number:016x}-{digest.hex()}"

    def listing(self, path, name):
        try:
            return sorted(os.listdir(os.path.join(path, name)))
        except (FileNotFoundError, NotADirectoryError):
            return []

    def hashes(self, place):
        """The hashes of all objects below `place` in the first folder that are spelt as objects are."""
        for part in self.listing(self.paths[0], place):
            for name in self.listing(self.paths[0], f"{place}/{part}"):
                if re.fullmatch("[0-9a-f]{64}", name) and name[:2] == part:
                    yield bytes.fromhex(name)

    def records(self):
        """The names of all records, by log, then number, then hash."""
        found = {}
        for path in self.paths:
            for log in self.listing(path, "log"):
                ids = re.fullmatch(r"([0-9a-f]{16})-([0-9a-f]{16})", log)
                for part in self.listing(path, f"log/{log}") if ids else ():
                    for file in self.listing(path, f"log/{log}/{part}"):
                        match = re.fullmatch(r"([0-9a-f]{16})-([0-9a-f]{64})", file)
                        if match and part == f"{int(match[1], 16) // 1024:014x}":
                            log_id = bytes.fromhex(ids[1]), bytes.fromhex(ids[2])
                            found.setdefault(log_id, set()).add((int(match[1], 16), bytes.fromhex(match[2])))
        return {log: sorted(found[log]) for log in sorted(found)}

    def read(self, name, digest, most):
        """All bytes of an object of at most `most` bytes, if they have this hash."""
        for path in self.paths:
            try:
                with open(os.path.join(path, name), "rb") as file:
                    data = file.read(most + 1)
                if len(data) <= most and blake3(data).digest() == digest:
                    return data
                why = "its bytes are not those that its name says"
            except OSError as error:
                why = why_not(error)
        raise Bad(why)

    def measure(self, path, name, digest, kind, vault):
        """Reads an object of any length through; its length."""
        hasher, size, start = blake3(), 0, b""
        try:
            with open(os.path.join(path, name), "rb") as file:
                for data in iter(lambda: file.read(MIB), b""):
                    start = start or data[:44]
                    hasher.update(data)
                    size += len(data)
        except OSError as error:
            raise Bad(why_not(error)) from None
        if hasher.digest() != digest:
            raise Bad("its bytes are not those that its name says")
        check_header(start, kind, vault)
        return size

    def slice(self, path, name, offset, length):
        try:
            with open(os.path.join(path, name), "rb") as file:
                file.seek(offset)
                data = file.read(length)
        except (OSError, OverflowError) as error:
            raise Bad(f"{name}: {why_not(error)}") from None
        if len(data) != length:
            raise Bad(f"{name} is too short")
        return data


def why_not(error):
    return "it is gone" if isinstance(error, FileNotFoundError) else getattr(error, "strerror", None) or str(error)


# ---------------------------------------------------------------------------------------------------------
# Segments (§5)

class Segment:
    """One opened segment: its frames open with it."""

    def __init__(self, context, head, secret, group_key=None):
        if len(head) < 66 or len(head) != 66 + int.from_bytes(head[64:66], "little"):
            raise Bad("the head of a segment has a wrong length")
        self.context, header, slots = context, head[:64], head[66:]
        self.id = derive("segment id", context, header)
        self.key = self.open_slots(header, slots, secret, group_key)
        if derive("commitment", self.key, header[:32]) != header[32:]:
            raise Bad("a segment's key is not the one that it commits to")

    def open_slots(self, header, slots, secret, group_key):
        """The content key, from the first slot that opens."""
        parsed = []
        while slots:
            length = int.from_bytes(slots[1:3], "little")
            if len(slots) < 3 + length:
                raise Bad("the slots of a segment do not fill their length")
            parsed.append((slots[0], slots[3:3 + length]))
            slots = slots[3 + length:]
        for kind, sealed in parsed:
            try:
                if kind == 1 and secret:
                    key = open_hpke(secret, b"oncovault 2026 v1 kem slot" + self.context, header, sealed)
                elif kind == 2 and group_key:
                    key = open_siv(derive("group slot", group_key, header[:32]), 0, self.context + header, sealed)
                else:
                    continue
                if len(key) == 32:
                    return key
            except Bad:
                pass
        raise Bad("no key opens a segment")

    def open(self, number, stored):
        """Coder, kind and coded bytes of a frame."""
        aad = self.context + self.id + struct.pack("<H", number)
        plain = open_siv(self.key, number, aad, stored)
        if len(plain) < 2 or plain[1] > 4:
            raise Bad("a frame of an unknown kind")
        return plain[0], plain[1], plain[2:]

    def plain(self, number, stored):
        coder, _, plain = self.open(number, stored)
        if coder != 0:
            raise Bad(f"a frame with coder {coder} where none is used")
        return plain


def unpadded(data):
    length = int.from_bytes(data[:4], "little")
    if len(data) < 4 or length > len(data) - 4:
        raise Bad("padding that does not fit")
    return data[4:4 + length]


def decode_frame(coder, coded):
    """§8.3: plain bytes, and the (offset, length) of each chunk in them."""
    count = int.from_bytes(coded[:2], "little")
    if len(coded) < 2 or not count or len(coded) < 2 + 4 * count:
        raise Bad("a frame of chunks that is too short")
    chunks, total = [], 0
    for length, in struct.iter_unpack("<I", coded[2:2 + 4 * count]):
        chunks.append((total, length))
        total += length
    if total > 8 * MIB:
        raise Bad("a frame of more than 8 MiB")
    payload = coded[2 + 4 * count:]
    if coder == 1:
        payload, = unzstd(payload, 1, total)
        if len(payload) != total:
            raise Bad("a zstd frame of another length")
    elif coder == 2:
        payload = join_image(payload, total)
    elif coder == 3:
        payload = join_reads(*unzstd(payload, 3, total + 64))
    elif coder != 0:
        raise Bad(f"coder {coder} is unknown")
    if len(payload) != total:
        raise Bad("a frame whose chunks do not fill it")
    return payload, chunks


def unzstd(payload, count, most):
    """What so many zstd frames hold, one behind the other and nothing else, each of at most so many bytes."""
    parts = []
    try:
        for _ in range(count):
            if payload[:4] != b"\x28\xb5\x2f\xfd":
                raise Bad("not a zstd frame")
            says = zstandard.get_frame_parameters(payload)
            if says.dict_id or says.content_size > most:
                raise Bad("a zstd frame of another length, or with a dictionary")
            one = zstandard.ZstdDecompressor().decompressobj()
            part = one.decompress(payload)
            if not one.eof or len(part) != says.content_size:
                raise Bad("a zstd frame that is cut short")
            parts.append(part)
            payload = one.unused_data
    except zstandard.ZstdError as error:
        raise Bad(f"zstd: {error}") from None
    if payload:
        raise Bad("something behind the zstd frames")
    return parts


def join_image(payload, total):
    """§8.4, image: samples from what their neighbours foretell and what is left."""
    if len(payload) < 7:
        raise Bad("an image without parameters")
    row, step, width, signed = struct.unpack("<IBBB", payload[:7])
    if not 1 <= step <= 4 or not step < row <= 1 << 20 or width not in (1, 2, 4) or signed > 1:
        raise Bad("an image that cannot be")
    (count, rest), modulus, half = divmod(total, width), 1 << 8 * width, 1 << 8 * width - 1
    folded = bytearray(count * width)
    for plane, part in enumerate(unzstd(payload[7 + rest:], width, count)):
        if len(part) != count:
            raise Bad("an image with a plane of another length")
        folded[plane::width] = part
    x = []
    for i, (e,) in enumerate(struct.iter_unpack("<" + " BH I"[width], folded)):
        if i < row:
            p = x[i - step] if i >= step else 0
        elif i % row < step:
            p = x[i - row]
        else:
            a, b, c = x[i - step], x[i - row], x[i - row - step]
            low, high = (a, b) if a < b else (b, a)
            p = low if c >= high else high if c <= low else a + b - c
        x.append((p + unfold(e) + half) % modulus - half)
    flip = 0 if signed else half
    samples = struct.pack(f"<{count}" + " BH I"[width], *[sample % modulus ^ flip for sample in x])
    return samples + payload[7:7 + rest]


def unfold(e):
    return e >> 1 ^ -(e & 1)


def join_reads(facts, bases, qualities):
    """§8.4, reads: records of FASTQ from what was taken apart."""
    at = 0

    def take(length):
        nonlocal at
        at += length
        if at > len(facts):
            raise Bad("reads whose facts are cut short")
        return facts[at - length:at]

    def planes(count):
        b = take(4 * count)
        return [b[i] | b[count + i] << 8 | b[2 * count + i] << 16 | b[3 * count + i] << 24 for i in range(count)]

    head_length, tail_length, count, odd_length, exceptions, plus, bits = struct.unpack("<5I2B", take(22))
    if plus > 1 or bits not in (2, 4, 8):
        raise Bad("reads of an unknown kind")
    values = take(1 << bits) if bits < 8 else None
    head, tail = take(head_length), take(tail_length)
    lengths, odd = planes(count), take(count)
    odd_names = take(odd_length).split(b"\n")
    if odd_names.pop():
        raise Bad("reads with a name without an end")
    texts = [b""]
    for run in re.findall(rb"[0-9]+|[^0-9]+", odd_names[0] if odd_names else b""):
        if re.fullmatch(rb"0|[1-9][0-9]{0,8}", run) and len(texts) <= 16:
            texts.append(b"")
        else:
            texts[-1] += run
    columns = []
    for _ in texts[1:]:
        differ, = take(1)
        if differ > 1:
            raise Bad("reads with an unknown kind of column")
        column = planes(odd.count(0))
        if differ:
            before = 0
            for i, e in enumerate(column):
                before = column[i] = (before + unfold(e)) % (1 << 32)
        columns.append(iter(column))
    runs = list(zip(planes(exceptions), planes(exceptions), planes(exceptions)))
    total = sum(lengths)
    if at != len(facts) or len(bases) != -(-total // 4) or len(qualities) != -(-total * bits // 8):
        raise Bad("reads whose parts do not fit together")

    def unpack(packed, bits, table):
        groups = [bytes(table[byte >> bits * i & (1 << bits) - 1] for i in range(8 // bits)) for byte in range(256)]
        return bytearray(b"".join([groups[byte] for byte in packed])[:total])

    bases, end = unpack(bases, 2, b"ACTG"), 0
    if bits < 8:
        qualities = unpack(qualities, bits, values)
    for gap, length, byte in runs:
        start, end = end + gap, end + gap + length
        if end > total or byte > 255:
            raise Bad("reads with an exception that cannot be")
        bases[start:end] = bytes([byte]) * length
    plain, at, odd_names = [head], 0, iter(odd_names)
    try:
        for length, is_odd in zip(lengths, odd):
            name = next(odd_names) if is_odd else texts[0] + b"".join(
                b"%d%b" % (next(column), text) for column, text in zip(columns, texts[1:]))
            plain += [b"@", name, b"\n", bases[at:at + length], b"\n+", name if plus else b"", b"\n",
                      qualities[at:at + length], b"\n"]
            at += length
    except StopIteration:
        raise Bad("reads with too few names") from None
    if next(odd_names, None) is not None:
        raise Bad("reads with too many names")
    return b"".join(plain + [tail])


# ---------------------------------------------------------------------------------------------------------
# Records, and which of them count (§4)

AGENT, KEEPER, READER, AUDITOR, ADMIN = range(5)


def may_say(statement, roles):
    kind = statement[0]
    if kind == COMMIT:
        return AGENT in roles and (statement[4] is None or KEEPER in roles)
    who = {FORGET: (KEEPER, ADMIN), HOLD: (KEEPER, READER, ADMIN), HEAD: (ADMIN,), RELEASE: (ADMIN,), TAG: (READER,),
           LINK: (READER,)}
    return any(role in roles for role in who.get(kind, (KEEPER,)))


class Head:
    """The constitution (§4.5), as far as it has been read."""

    def __init__(self, revoked):
        self.keys, self.groups = {}, {}  # by member: those of its first appointment, for ever
        self.roles, self.ever = {}, {}  # by member: those of its last appointment, and all that it ever had
        self.structure, self.compartments = {}, {}  # epoch → public key; (compartment, epoch) → public key
        self.tables = []  # hashes of keys tables
        self.revoked = dict(revoked)  # member → {target: the last number that counts}

    def change(self, change):
        kind, *fields = change
        if kind == 1:
            member, roles, keys, group, _ = fields
            self.keys.setdefault(member, keys[1])
            self.groups.setdefault(member, group)
            self.roles[member] = set(roles)
            self.ever[member] = self.ever.get(member, set()) | set(roles)
        elif kind == 2:
            member, logs = fields
            self.revoked.setdefault(member, {target: last for who, target, last in logs if who == member})
        elif kind == 3:
            self.compartments.setdefault((fields[0], fields[1]), fields[2])
        elif kind == 4:
            self.structure.setdefault(fields[0], fields[1])
        elif kind == 5:
            self.tables.append(fields[0][0])

    def apply(self, record):
        for change in record.statement[1]:
            self.change(change)

    def excludes(self, name):
        logs = self.revoked.get(name[0])
        return logs is not None and name[2] > logs.get(name[1], -1)


def causes_first(records):
    """Head records in their order: each after those before it in its log and after those that it has seen."""
    waiting, order = {record.name: record for record in records}, []
    while waiting:
        newest = {}  # log → least number that still waits in it
        for name in waiting:
            newest[name[:2]] = min(name[2], newest.get(name[:2], name[2]))
        free = [record.name for record in waiting.values() if newest[record.name[:2]] == record.name[2] and not any(
            seen[:2] in newest and newest[seen[:2]] <= seen[2] for seen in record.seen)]
        order.append(waiting.pop(min(free or waiting)))
    return order


class Vault:
    """Reads all records of a vault, and decides what they say."""

    def __init__(self, folders, kit, report):
        self.folders, self.kit, self.report = folders, kit, report
        self.logs = folders.records()
        if not self.logs:
            raise Stop(f"{folders.paths[0]} holds no vault: there are no records in its folder `log`")
        self.cache, self.verified = {}, {}
        self.target = self.find_target()
        self.first = self.find_first()
        self.id = self.first.name[3]
        self.head, self.records = self.fold()
        self.check_chains()

    def find_target(self):
        found = []
        for digest in self.folders.hashes("target"):
            try:
                data = self.folders.read(Folders.name("target", digest), digest, 76)
                check_header(data, IDENTITY, bytes(32))
                found += [digest[:8]] if len(data) == 76 else []
            except Bad as error:
                self.report.damage(f"target's identity {digest.hex()}: {error}")
        if len(found) != 1:
            self.report.damage(f"the target has {len(found)} identities where it has one; its verdicts are not known")
            return None
        return found[0]

    def find_first(self):
        """§2.3: the record 0 of no vault that names the kit's keys."""
        others, said = 0, []
        for name in [log + name for log in self.logs for name in self.logs[log] if name[0] == 0]:
            try:
                record, data = self.read_record(name, bytes(32))
                changes = record.statement[1] if record.statement[0] == HEAD else ()
                if not any(change[0] == 0 and self.kit.is_named_by(change[1]) for change in changes):
                    others += 1
                    continue
                keys = [change[3][1] for change in changes if change[0] == 1 and change[1] == name[0]]
                if not keys or not self.signed(data, keys[0]):
                    raise Bad("it is not signed by the member that it appoints")
                return record
            except Bad as error:
                said.append(f"record {self.spell(name)}: {error}")
        if others:
            raise Stop("this kit belongs to another vault")
        for text in said or ["the vault's first record is lost"]:
            self.report.damage(text)
        raise Stop("without its first record the vault does not open: give another copy of it with --also")

    def read_record(self, name, vault):
        data = self.folders.read(Folders.record_name(name), name[3], 64 * MIB)
        check_header(data, RECORD, vault)
        if len(data) < 44 + SIGNATURE:
            raise Bad("it is too short")
        member, target, number, previous, seen, _, time, statement, _ = shaped(BODY, decode_cbor(data[44:-SIGNATURE]))
        if (member, target, number) != name[:3]:
            raise Bad("it is not the record that its name says")
        return Record(name, previous, seen, time, statement), data

    def signed(self, data, keys):
        return signature_holds(keys, data[:-SIGNATURE], data[-SIGNATURE:], self.report)

    def record(self, name):
        """A record as it stands, signed or not, or why it is none; each is read once."""
        if name not in self.cache:
            try:
                self.cache[name] = self.read_record(name, bytes(32) if name == self.first.name else self.id)[0]
            except Bad as error:
                self.cache[name] = error
        return self.cache[name]

    def holds(self, name, keys):
        """Whether the record's signature is one of these keys; each is verified once."""
        if (name, keys) not in self.verified:
            data = self.folders.read(Folders.record_name(name), name[3], 64 * MIB)
            self.verified[name, keys] = self.signed(data, keys)
        return self.verified[name, keys]

    def fold(self):
        """§4.6, in rounds: the head, and the records that count."""
        everything = [self.record(log + name) for log in self.logs for name in self.logs[log]]
        order = causes_first([record for record in everything if isinstance(record, Record)
                              and record.statement[0] == HEAD and record.name != self.first.name])
        head, kept = None, []
        while head is None or any(head.excludes(name) for name in kept):
            head, kept = Head(head.revoked if head else {}), []
            head.apply(self.first)
            for record in order:
                member = record.name[0]
                if (member in head.keys and may_say(record.statement, head.roles[member])
                        and not head.excludes(record.name) and self.holds(record.name, head.keys[member])):
                    head.apply(record)
                    kept.append(record.name)
        return head, self.judge(head)

    def judge(self, head):
        counting, strangers = [], set()
        for log in self.logs:
            for number, digest in self.logs[log]:
                name, why = log + (number, digest), None
                record = self.record(name)
                if isinstance(record, Bad):
                    why = str(record)
                elif log[0] not in head.keys:
                    strangers.add(log)
                elif head.excludes(name):
                    pass
                elif not may_say(record.statement, head.ever[log[0]]):
                    why = "its member has not the role to say this"
                elif not self.holds(name, head.keys[log[0]]):
                    why = "its signature does not hold"
                else:
                    counting.append(record)
                if why:
                    self.report.damage(f"record {self.spell(name)} is ignored: {why}")
        for log in sorted(strangers):
            self.report.note(f"log {log[0].hex()}-{log[1].hex()} is of nobody in this vault, and ignored")
        return counting

    @staticmethod
    def spell(name):
        return f"{name[3].hex()[:8]} (number {name[2]} of {name[0].hex()}-{name[1].hex()})"

    def check_chains(self):
        """§4.7: what is hidden, lost or forked."""
        for log, names in self.logs.items():
            if log[0] not in self.head.keys:
                continue
            by_number = {}
            for number, digest in names:
                name = log + (number, digest)
                # What can be read and its member did not sign is no part of the log.
                if isinstance(self.record(name), Bad) or self.holds(name, self.head.keys[log[0]]):
                    by_number.setdefault(number, set()).add(digest)
            spelt, before = f"{log[0].hex()}-{log[1].hex()}", -1
            for number in sorted(by_number):
                if number > before + 1:
                    self.report.damage(f"log {spelt}: records {before + 1} to {number - 1} are hidden or lost")
                if len(by_number[number]) > 1:
                    self.report.note(f"log {spelt} has {len(by_number[number])} records number {number}: a fork")
                for digest in by_number[number]:
                    record = self.record(log + (number, digest))
                    wrong = isinstance(record, Record) and (bool(record.previous) != bool(number) or (
                        number - 1 in by_number and not by_number[number - 1].issuperset(record.previous)))
                    if wrong:
                        self.report.damage(f"log {spelt}: record {number} does not follow the one before")
                before = number

    def sections(self, record):
        """The sealed sections of a record, read again from its file."""
        data = self.folders.read(Folders.record_name(record.name), record.name[3], 64 * MIB)
        return shaped(BODY, decode_cbor(data[44:-SIGNATURE]))[8]

    def said(self, *kinds):
        return [record for record in self.records if record.statement[0] in kinds]


# ---------------------------------------------------------------------------------------------------------
# Secrets (§3.4), and the sections and lists that open with them (§4.2, §5.6)

SECRET = (optional(B8), AUDIENCE, U32, BYTES)
ZEROS = bytes(8)


class Secrets:
    """What the kit opens."""

    def __init__(self, vault):
        self.vault, self.report = vault, vault.report
        self.structure, self.compartments, self.named = {}, {}, {}
        for digest in vault.head.tables:
            try:
                data = vault.folders.read(Folders.name("table", digest), digest, 64 * MIB)
                check_header(data, TABLE, vault.id)
                for sealed in shaped(([ANYTHING],), decode_cbor(data[44:]))[0]:
                    self.take(shaped(SECRET, sealed))
            except Bad as error:
                self.report.note(f"keys table {digest.hex()} is not used: {error}; it may have been erased")
        for epoch in sorted(vault.head.structure.keys() - self.structure.keys()):
            self.report.damage(f"structure secret of epoch {epoch}: nothing opens it with this kit")
        for compartment, epoch in sorted(vault.head.compartments.keys() - self.compartments.keys()):
            self.report.damage(f"compartment {compartment.hex()}, epoch {epoch}: nothing opens it with this kit")

    def take(self, sealed):
        recipient, kind, epoch, secret = sealed
        if recipient is not None or kind[0] == 2:
            return
        vault = self.vault
        try:
            aad = encode_cbor([vault.id, None, list(kind), epoch])
            name, secret = shaped((TEXT, BYTES), decode_cbor(open_hpke(
                vault.kit.kem_seed, b"oncovault 2026 v1 sealed secret", aad, secret)))
            if len(secret) != (64 if kind[0] else 32):
                raise Bad("it has a wrong length")
        except Bad as error:
            self.report.damage(f"a secret of epoch {epoch} that is sealed to the kit: {error}")
            return
        public = x_wing(secret[:32])[0]
        if kind[0] == 0 and vault.head.structure.get(epoch) == public:
            self.structure[epoch] = secret
        elif kind[0] == 1 and vault.head.compartments.get((kind[1], epoch)) == public:
            self.compartments[kind[1], epoch] = secret
            self.named[kind[1]] = name

    def agent_secret(self, compartment, epoch, group):
        return derive("agent secret", self.compartments[compartment, epoch][32:], group)

    def context(self, audience, epoch, signer):
        """§5.2, from an audience as §4.2 writes it."""
        kind, compartment, group = (audience + (ZEROS, ZEROS))[:3]
        number = {0: 2, 1: 1, 2: 3}[kind]
        return (b"OVF\x01\x01" + self.vault.id + bytes([number]) + (compartment if kind else ZEROS)
                + (group if kind == 2 else ZEROS) + struct.pack("<I", epoch) + signer)

    def open_segment(self, audience, epoch, signer, head):
        secret = group_key = None
        if audience[0] == 0:
            secret = self.structure.get(epoch)
        elif (audience[1], epoch) in self.compartments:
            secret = self.compartments[audience[1], epoch][:32]
        if secret is None:
            raise Bad(f"the kit has no key for it (epoch {epoch})")
        if audience[0] == 2:
            secret, group_key = None, derive("group", self.agent_secret(audience[1], epoch, audience[2]))
        return Segment(self.context(audience, epoch, signer), head, secret, group_key)

    def section(self, record, kind, sections=None):
        """The first section of a record for this kind of audience: its audience, epoch and CBOR; or None."""
        for audience, epoch, sealed in sections or self.vault.sections(record):
            if audience[0] == kind:
                split = 66 + int.from_bytes(sealed[64:66], "little")
                segment = self.open_segment(audience, epoch, record.name[0], sealed[:split])
                return audience, epoch, decode_cbor(unpadded(segment.plain(0, sealed[split:])))
        return None

    def list_items(self, list_ref, kind, audience, epoch, signer):
        """The items of a list in a section or in its table, with the segment table of their page."""
        for page in self.list_pages(list_ref, audience, epoch, signer):
            found, segments, items = shaped((U8, [B32], [ANYTHING]), decode_cbor(page))
            if found != kind:
                raise Bad(f"a page of a list of kind {found} where kind {kind} belongs")
            for item in items:
                yield segments, item

    def list_pages(self, list_ref, audience, epoch, signer):
        if list_ref[0] == 0:
            yield from list_ref[1]
            return
        name = Folders.name("table", list_ref[1])
        for path in self.vault.folders.paths:
            try:
                length = self.vault.folders.measure(path, name, list_ref[1], TABLE, self.vault.id)
                break
            except Bad as error:
                why = error
        else:
            raise Bad(f"{name}: {why}")
        part = functools.partial(self.vault.folders.slice, path, name)
        slots, trailer = int.from_bytes(part(44 + 64, 2), "little"), part(max(0, length - 8), 8)
        offset, index_length = 44 + 66 + slots, int.from_bytes(trailer[:4], "little")
        end = length - 8 - index_length
        if length != list_ref[2] or trailer[4:] != b"OVnd" or end < offset:
            raise Bad(f"{name} is not built like a table")
        segment = self.open_segment(audience, epoch, signer, part(44, 66 + slots))
        index = unpadded(segment.plain(65535, part(end, index_length)))
        for number, (_, size) in enumerate(shaped([(BYTES, U64)], decode_cbor(index))):
            if offset + size > end:
                raise Bad(f"{name}: a page beyond its end")
            yield segment.plain(number, part(offset, size))
            offset += size


def numbered(segments, number):
    if number >= len(segments):
        raise Bad("a segment that the page does not name")
    return segments[number]


# ---------------------------------------------------------------------------------------------------------
# Frames and chunks (§7.3, §8)

Placement = namedtuple("Placement", "compartment epoch signer pack offset head head_hash frames")
Place = namedtuple("Place", "segment frame index tag")
PLACED = struct.Struct("<HI32s")  # number, stored length and hash of a frame


class LeastRecent(OrderedDict):
    """Keeps what was used last, up to a total cost."""

    def __init__(self, most):
        super().__init__()
        self.most, self.total = most, 0

    def take(self, key):
        if key in self:
            self.move_to_end(key)
            return self[key][0]
        return None

    def put(self, key, value, cost):
        self[key] = value, cost
        self.total += cost
        while self.total > self.most and len(self) > 1:
            self.total -= self.popitem(last=False)[1][1]


class Chunks:
    """Finds, opens, decodes and verifies whatever a snapshot points to."""

    def __init__(self, vault, keys):
        self.vault, self.keys, self.folders = vault, keys, vault.folders
        self.placements, self.by_tag = {}, None
        self.segments, self.frames = LeastRecent(4096), LeastRecent(CACHED_FRAMES)
        self.deleted = {pack for record in vault.said(DELETE) if record.name[1] == vault.target
                        for pack in record.statement[1]}
        for record in vault.said(COMMIT) + vault.said(PLACES):
            try:
                self.take_placements(record)
            except Bad as error:
                vault.report.damage(f"structure section of record {vault.spell(record.name)}: {error}; "
                                    "what only it places cannot be found")

    def take_placements(self, record):
        found = self.keys.section(record, 0)
        if found is None:
            raise Bad("it is missing")
        audience, epoch, value = found
        places = shaped(STRUCTURE, value)[4] if record.statement[0] == COMMIT else shaped((LIST_REF,), value)[0]
        for segments, item in self.keys.list_items(places, 0, audience, epoch, record.name[0]):
            number, compartment, of_epoch, signer, pack, offset, head, head_hash, frames = shaped(PLACEMENT, item)
            packed = b"".join(PLACED.pack(*frame) for frame in frames)
            segment = numbered(segments, number)
            self.placements.setdefault(segment, []).append(
                Placement(compartment, of_epoch, signer, pack, offset, head, head_hash, packed))

    def candidates(self, segment, number):
        """(placement, offset, length, hash): the last read first, deleted packs last."""
        found = []
        for placement in reversed(self.placements.get(segment, ())):
            offset = placement.offset + placement.head
            for of_number, length, digest in PLACED.iter_unpack(placement.frames):
                if of_number == number:
                    found.append((placement, offset, length, digest))
                offset += length
        return sorted(found, key=lambda one: one[0].pack in self.deleted)

    def segment(self, segment_id, needed):
        """The opened segment; its head from `needed` or any other placement of it."""
        opened, why = self.segments.take(segment_id), "no placement of it"
        if opened:
            return opened
        for placement in [needed] + self.placements[segment_id]:
            for path in self.folders.paths:
                try:
                    if not 66 <= placement.head <= 66 + 65535:
                        raise Bad("a head of a wrong length")
                    pack = Folders.name("pack", placement.pack)
                    head = self.folders.slice(path, pack, placement.offset, placement.head)
                    if blake3(head).digest() != placement.head_hash:
                        raise Bad(f"the head at {placement.offset} of {pack} is damaged")
                    audience = 1, placement.compartment
                    opened = self.keys.open_segment(audience, placement.epoch, placement.signer, head)
                    if opened.id != segment_id:
                        raise Bad("another segment is there")
                    self.segments.put(segment_id, opened, 1)
                    return opened
                except Bad as error:
                    why = error
        raise Bad(f"head of segment {segment_id.hex()[:16]}: {why}")

    def frame(self, segment_id, number):
        """Plain bytes of a frame; its chunks as [(id, offset, length)]; if it holds pages."""
        cached = self.frames.take((segment_id, number))
        if cached:
            return cached
        why = "no record says where it lies"
        for placement, offset, length, digest in self.candidates(segment_id, number):
            for path in self.folders.paths:
                try:
                    if length > 33 * MIB:
                        raise Bad("it is too long")
                    pack = Folders.name("pack", placement.pack)
                    stored = self.folders.slice(path, pack, offset, length)
                    if blake3(stored).digest() != digest:
                        raise Bad(f"{pack} is damaged at {offset}")
                    coder, kind, coded = self.segment(segment_id, placement).open(number, stored)
                    plain, chunks = decode_frame(coder, coded)
                    named = self.named(placement, kind, plain, chunks)
                    found = plain, named, kind != CONTENT
                    self.frames.put((segment_id, number), found, len(plain) + 200 * len(named))
                    return found
                except Bad as error:
                    why = error
        raise Bad(f"frame {number} of segment {segment_id.hex()[:16]}: {why}")

    def named(self, placement, kind, plain, chunks):
        """§8.1: the ids of the chunks, under the key for this kind of frame."""
        group = self.vault.head.groups.get(placement.signer)
        if group is None or kind not in (CONTENT, PAGES, EXTENTS):
            raise Bad("a frame of a kind that does not belong here, or made by nobody in this vault")
        agent = self.keys.agent_secret(placement.compartment, placement.epoch, group)
        key = derive("chunk id" if kind == CONTENT else "page id", agent)
        return [(keyed_hash(key, memoryview(plain)[offset:offset + length]), offset, length)
                for offset, length in chunks]

    def chunk(self, place, is_page=False):
        """The bytes of a chunk of a file, or of a page; verified."""
        try:
            return self.chunk_at(place, is_page)
        except Bad as error:
            for segment, frame, index in self.elsewhere(place.tag):
                try:
                    return self.chunk_at(Place(segment, frame, index, place.tag), is_page)
                except Bad:
                    pass
            raise error

    def chunk_at(self, place, is_page):
        plain, named, has_pages = self.frame(place.segment, place.frame)
        where = f"frame {place.frame} of segment {place.segment.hex()[:16]}"
        if place.index >= len(named):
            raise Bad(f"{where} has no chunk {place.index}")
        digest, offset, length = named[place.index]
        if digest[:16] != place.tag or has_pages != is_page:
            raise Bad(f"{where} holds another chunk")
        return plain[offset:offset + length]

    def elsewhere(self, tag):
        """Other places of a chunk, by the lists of the groups (§7.4); read only once something is lost."""
        if self.by_tag is None:
            self.by_tag = {}
            for record in self.vault.said(COMMIT):
                try:
                    audience, epoch, value = self.keys.section(record, 2) or (None, 0, [[0, []]])
                    chunks = shaped((LIST_REF,), value)[0]
                    for segments, item in self.keys.list_items(chunks, 2, audience, epoch, record.name[0]):
                        of_tag, number, frame, index = shaped((B16, U64, U16, U16), item)
                        self.by_tag.setdefault(of_tag, []).append((numbered(segments, number), frame, index))
                except Bad as error:
                    self.vault.report.note(f"group list of record {self.vault.spell(record.name)}: {error}")
        return self.by_tag.get(tag, ())


# ---------------------------------------------------------------------------------------------------------
# Snapshots and their trees (§6, §7)

class Snapshot:
    def __init__(self, record, compartment, fields):
        (self.began, self.ended, self.dataset, self.host, self.user, self.paths, self.tags, root, self.level,
         catalog, self.catalog_level, self.issuer, self.counts, self.program) = fields
        self.record, self.id, self.compartment = record, record.name[3].hex(), compartment
        self.root, self.catalog = (one and Place(one[0][0], one[0][1], one[1], one[2]) for one in (root, catalog))
        self.partial, self.forgotten, self.verdict, self.arrival = record.statement[3], False, "open", None
        self.held = False

    @property
    def time(self):
        """When its run began, but not after its arrival (§7.6)."""
        return min(self.began, self.arrival) if self.arrival else self.began


def read_snapshots(vault, keys):
    """All that the commits hold, oldest first."""
    found = {}
    for record in vault.said(COMMIT):
        try:
            section = keys.section(record, 1)
            if section is None:
                raise Bad("it is missing")
            found[record.name] = Snapshot(record, section[0][1], shaped(SNAPSHOT, section[2]))
            if record.statement[4]:
                found[record.name].arrival = tuple(record.statement[4])
                if record.name[1] == vault.target:
                    found[record.name].verdict = "accepted"
        except Bad as error:
            vault.report.damage(f"snapshot {record.name[3].hex()[:8]} cannot be opened: {error}")
    released = {record.statement[1] for record in vault.said(RELEASE)}
    for record in vault.said(HOLD):
        for name in record.statement[1] if record.name not in released else ():
            if name in found:
                found[name].held = True
    for record in sorted(vault.said(ACCEPT, REJECT, FORGET, TAG), key=lambda record: (record.time, record.name)):
        kind, first = record.statement[:2]
        for name in first if kind == FORGET else [first]:
            if name in found:
                apply_verdict(found[name], record, vault, keys)
    return sorted(found.values(), key=lambda snapshot: (snapshot.time, snapshot.id))


def apply_verdict(snapshot, record, vault, keys):
    kind, here = record.statement[0], record.name[1] == vault.target
    if kind == FORGET:
        snapshot.forgotten = True
    elif kind == ACCEPT:
        arrival = tuple(record.statement[2])
        snapshot.arrival = min(snapshot.arrival or arrival, arrival)
        if here and snapshot.verdict == "open":
            snapshot.verdict = "accepted"
    elif kind == REJECT and here:
        snapshot.verdict = "rejected"
    elif kind == TAG:
        try:
            _, _, value = keys.section(record, 1) or (0, 0, [[], []])
            add, remove = shaped(([TEXT], [TEXT]), value)
            snapshot.tags = [tag for tag in snapshot.tags if tag not in remove]
            snapshot.tags += [tag for tag in dict.fromkeys(add) if tag not in snapshot.tags]
        except Bad as error:
            vault.report.damage(f"tags in record {vault.spell(record.name)}: {error}")


def order_key(parent, name):
    """§6.1; refuses every name that could lead elsewhere."""
    components = parent.split(b"/") if parent else []
    for component in components + [name]:
        if component in (b"", b".", b"..") or b"\0" in component or b"/" in component:
            raise Bad("a name that leads elsewhere")
    return b"".join(component + b"\0" for component in components) + b"\0" + name


class Tree:
    """Walks the entries of one snapshot in their order; says what is lost and goes on."""

    def __init__(self, chunks, report, seen=None):
        self.chunks, self.report, self.seen = chunks, report, seen

    def entries(self, snapshot):
        """(parent, entry, segment table) of each."""
        if snapshot.root:
            yield from self.page(snapshot.root, snapshot.level, None, None, (snapshot.counts[0], snapshot.counts[2]))

    def accounts(self, snapshot):
        """The same for what is said of the files (§7.7): nothing announces how many there are."""
        if snapshot.catalog:
            yield from self.page(snapshot.catalog, snapshot.catalog_level, None, None, None)

    def page(self, place, level, first, end, announced):
        """What lies below a page whose first key is `first`, whose keys are all before `end` and which has the
        `announced` number of entries and bytes below it. Returns what it has."""
        if self.seen is not None and place in self.seen:
            return self.seen[place]
        try:
            keyed, segments = self.read_page(place, level)
            keys = [key for key, _ in keyed]
            if not keys or any(a >= b for a, b in zip(keys, keys[1:])):
                raise Bad("its keys are not in order")
            if (first is not None and keys[0] != first) or (end is not None and keys[-1] >= end):
                raise Bad("its keys are not those that were announced")
        except Bad as error:
            announced = announced or (0, 0)
            self.report.damage(f"page of the tree: {announced[0]} entries from {self.spell(first)} on are lost: "
                               f"{error}")
            return announced
        found = [0, 0]
        for (key, value), after in zip(keyed, keys[1:] + [end]):
            if level == 0:
                yield value + (segments,)
                below = 1, value[1].size
            else:
                below = yield from self.page(value[0], level - 1, key, after, value[1])
            found = [found[0] + below[0], found[1] + below[1]]
        if announced is None:
            announced = tuple(found)
        if tuple(found) != announced:
            self.report.damage(f"page of the tree from {self.spell(first)} on: {announced[0]} entries of "
                               f"{announced[1]} bytes were announced, {found[0]} of {found[1]} bytes found")
        if self.seen is not None:
            self.seen[place] = announced
        return announced

    @staticmethod
    def spell(key):
        return printable(key.replace(b"\0\0", b"/").replace(b"\0", b"/")) if key else "the first"

    def read_page(self, place, level):
        data = self.chunks.chunk(place, is_page=True)
        found, segments, items = shaped((U8, [B32], [ANYTHING]), decode_cbor(data))
        if found != level or level > 32 or len(data) > 4 * MIB:
            raise Bad(f"it has level {found} where {level} was announced")
        keyed = []
        for item in items:
            if level == 0:
                parent, some = shaped((BYTES, [ENTRY]), item)
                for entry in map(Entry._make, some):
                    check_segments(entry.content, segments)
                    keyed.append((order_key(parent, entry.name), (parent, entry)))
            else:
                parent, name, number, frame, index, tag, entries, size = shaped(POINTER, item)
                below = Place(numbered(segments, number), frame, index, tag)
                keyed.append((order_key(parent, name), (below, (entries, size))))
        return keyed, segments

    def extents(self, content_, segments):
        """The content of a file: (length, place) for data, (length, None) for a hole, (length, Bad) for what
        is lost."""
        if content_ is None or isinstance(content_, bytes):
            return
        level, items = content_
        for item in items:
            if len(item) == 1:
                yield item[0], None
                continue
            number, frame, index, tag, length = item
            place = Place(numbered(segments, number), frame, index, tag)
            if level == 0:
                yield length, place
                continue
            try:
                below = self.extent_page(place, level - 1, length)
            except Bad as error:
                yield length, Bad(f"page of extents: {error}")
                continue
            yield from self.extents(*below)

    def extent_page(self, place, level, length):
        data = self.chunks.chunk(place, is_page=True)
        found, segments, items = shaped((U8, [B32], [EXTENT_PAGE if level else extent]), decode_cbor(data))
        if found != level or len(data) > 4 * MIB:
            raise Bad(f"it has level {found} where {level} was announced")
        check_segments((level, items), segments)
        if any(item[-1] == 0 for item in items) or sum(item[-1] for item in items) != length:
            raise Bad("its lengths are not those that were announced")
        return (level, items), segments


def check_segments(content_, segments):
    if isinstance(content_, tuple):
        for item in content_[1]:
            if len(item) > 1:
                numbered(segments, item[0])


# ---------------------------------------------------------------------------------------------------------
# Restoring

def full_path(parent, entry):
    return parent + b"/" + entry.name if parent else entry.name


class Progress:
    """One line that counts, where somebody watches."""

    def __init__(self, what):
        self.what, self.files, self.bytes, self.shown = what, 0, 0, 0
        self.on = sys.stderr.isatty()

    def add(self, files, size):
        self.files, self.bytes = self.files + files, self.bytes + size
        if self.on and self.bytes - self.shown > 16 * MIB:
            self.shown = self.bytes
            print(f"\r{self.what}: {self.files} files, {self.bytes / 1e6:.0f} MB ", end="", file=sys.stderr, flush=True)

    def __str__(self):
        return f"{self.what}: {self.files} files, {self.bytes} bytes"


class Restore:
    """Writes entries below one folder and never outside: each folder on the way is opened by its name alone and
    without following links, and each name is one component (§6.1)."""

    def __init__(self, folder, tree, report, only=(), keep_damaged=False):
        os.makedirs(folder, exist_ok=True)
        self.tree, self.report, self.keep_damaged = tree, report, keep_damaged
        self.only = [os.fsencode(path).strip(b"/") for path in only]
        self.root = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        if os.listdir(self.root):
            raise Stop(f"{folder} is not empty: name a folder that is new or empty, so that nothing is mixed up")
        self.folder = self.root, b""  # the one that is open
        self.folders, self.links, self.progress = [], {}, Progress("restored")
        self.is_root = os.geteuid() == 0

    def run(self, snapshot):
        if not self.is_root:
            self.report.note("not run as root: restored files belong to you, not to their owners")
        found = not self.only
        for parent, entry, segments in self.tree.entries(snapshot):
            path = full_path(parent, entry)
            chosen = not self.only or any(path == one or path.startswith(one + b"/") for one in self.only)
            if chosen or (entry.kind[0] == 1 and any(one.startswith(path + b"/") for one in self.only)):
                found |= chosen
                self.tried(path, self.entry, parent, path, entry, segments)
        for path, entry in reversed(self.folders):
            self.tried(path, self.finish_folder, path, entry)
        if not found:
            self.report.failure("nothing in the snapshot has this path (see its paths in `list`)")

    def tried(self, path, action, *arguments):
        try:
            action(*arguments)
        except Bad as error:
            self.report.damage(f"{printable(path)}: {error}")
        except (OSError, OverflowError, ValueError) as error:
            if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
                raise Stop(f"{printable(path)}: the disk is full") from None
            self.report.failure(f"{printable(path)}: {getattr(error, 'strerror', None) or error}")

    def open_folder(self, path):
        """The folder of this path, opened from the root down; folders that no entry made are made."""
        if self.folder[1] == path:
            return self.folder[0]
        at = os.dup(self.root)
        for name in path.split(b"/") if path else ():
            try:
                os.mkdir(name, 0o700, dir_fd=at)
            except FileExistsError:
                pass
            try:
                below = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=at)
            finally:
                os.close(at)
            at = below
        if self.folder[0] != self.root:
            os.close(self.folder[0])
        self.folder = at, path
        return at

    def entry(self, parent, path, entry, segments):
        if isinstance(entry.state, str):
            self.report.note(f"{printable(path)} could not be read in full when it was backed up: "
                             f"{printable(entry.state)}")
            if entry.kind[0] == 0 and entry.content is None:
                return
        elif entry.state:
            self.report.note(f"{printable(path)} changed while it was backed up")
        at, kind = self.open_folder(parent), entry.kind[0]
        if kind == 1:
            os.mkdir(entry.name, 0o700, dir_fd=at)
            self.folders.append((path, entry))
            return
        if entry.link is not None and entry.link in self.links:
            first_parent, first = self.links[entry.link]
            source = os.dup(self.open_folder(first_parent))
            try:
                at = self.open_folder(parent)
                os.link(first, entry.name, src_dir_fd=source, dst_dir_fd=at, follow_symlinks=False)
            finally:
                os.close(source)
            return
        if kind == 0:
            if not self.file(at, path, entry, segments):
                return
        else:
            self.special(at, path, entry)
        if entry.link is not None:
            self.links[entry.link] = parent, entry.name

    def file(self, at, path, entry, segments):
        """Written under another name, renamed once it is whole; true if it is."""
        temporary = b".oncovault-" + secrets.token_hex(8).encode()
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
        with open(os.open(temporary, flags, 0o600, dir_fd=at), "wb") as file:
            try:
                lost = self.write(file, entry, segments)
                file.flush()
                self.finish(path, entry, file.fileno())
                if not lost:
                    self.rename(at, temporary, entry.name)
                    self.progress.add(1, entry.size)
                    return True
                for why in lost[:5]:
                    self.report.damage(f"{printable(path)}: {why}")
                if self.keep_damaged:
                    self.rename(at, temporary, entry.name + b".damaged")
                return False
            finally:
                try:
                    os.unlink(temporary, dir_fd=at)
                except FileNotFoundError:
                    pass

    @staticmethod
    def rename(at, temporary, name):
        try:
            os.stat(name, dir_fd=at, follow_symlinks=False)
        except FileNotFoundError:
            os.rename(temporary, name, src_dir_fd=at, dst_dir_fd=at)
        else:
            raise FileExistsError(errno.EEXIST, "another file with this name is there (does this disk tell "
                                                "capitals from small letters?)")

    def write(self, file, entry, segments):
        """Why parts of the content are lost; zeros stand for them."""
        lost, position = [], 0
        if isinstance(entry.content, bytes):
            position = file.write(entry.content)
        for length, place in self.tree.extents(entry.content, segments):
            try:
                if isinstance(place, Bad):
                    raise place
                if place:
                    data = self.tree.chunks.chunk(place)
                    if len(data) != length:
                        raise Bad(f"a chunk of {len(data)} bytes where {length} belong")
                    file.seek(position)
                    file.write(data)
            except Bad as error:
                lost.append(f"bytes {position} to {position + length - 1} are lost: {error}")
            position += length
        file.flush()
        os.ftruncate(file.fileno(), position)
        if position != entry.size and not isinstance(entry.state, str):
            lost.append(f"it has {position} bytes where {entry.size} belong")
        return lost

    def special(self, at, path, entry):
        """Links, pipes, sockets and devices."""
        kind = entry.kind[0]
        if kind == 2:
            os.symlink(entry.kind[1], entry.name, dir_fd=at)
        elif kind == 3:
            os.mkfifo(entry.name, 0o600, dir_fd=at)
        elif kind == 4:
            os.mknod(entry.name, 0o600 | stat.S_IFSOCK, dir_fd=at)
        else:
            device = stat.S_IFCHR if kind == 5 else stat.S_IFBLK
            os.mknod(entry.name, 0o600 | device, os.makedev(*entry.kind[1:]), dir_fd=at)
        if self.is_root:
            os.chown(entry.name, entry.uid, entry.gid, dir_fd=at, follow_symlinks=False)
        self.attributes(path, entry, f"/proc/self/fd/{at}/".encode() + entry.name, follow_symlinks=False)
        if kind != 2:
            os.chmod(entry.name, entry.mode, dir_fd=at)
        os.utime(entry.name, ns=self.times(entry), dir_fd=at, follow_symlinks=False)

    def finish(self, path, entry, file):
        """Owner, attributes, mode, times of an open file or folder; in this order, since each may undo the next."""
        if self.is_root:
            os.fchown(file, entry.uid, entry.gid)
        self.attributes(path, entry, file)
        os.fchmod(file, entry.mode)
        os.utime(file, ns=self.times(entry))

    def finish_folder(self, path, entry):
        self.finish(path, entry, self.open_folder(path))

    @staticmethod
    def times(entry):
        return (entry.seconds * 10 ** 9 + entry.nanos,) * 2

    def attributes(self, path, entry, where, **options):
        for name, value in entry.attributes:
            try:
                os.setxattr(where, name, value, **options)
            except (OSError, AttributeError, ValueError) as error:
                self.report.failure(f"{printable(path)}: attribute {printable(name)} cannot be set here: "
                                    f"{getattr(error, 'strerror', None) or error}")


# ---------------------------------------------------------------------------------------------------------
# Checking

def check_objects(vault):
    """§9, without keys: every object hashes to its name; what was published and not deleted is there."""
    folders, report, progress, lengths = vault.folders, vault.report, Progress("read"), {}
    for place, kind in (("pack", PACK), ("table", TABLE)):
        for digest in folders.hashes(place):
            name = Folders.name(place, digest)
            try:
                lengths[name] = folders.measure(folders.paths[0], name, digest, kind, vault.id)
                progress.add(1, lengths[name])
            except Bad as error:
                lengths[name] = None
                report.damage(f"{name}: {error}")
    deleted = {pack for record in vault.said(DELETE) if record.name[1] == vault.target
               for pack in record.statement[1]}
    for record in vault.said(COMMIT, PLACES):
        if record.name[1] != vault.target:
            continue
        for place, objects in (("pack", record.statement[1]), ("table", record.statement[2])):
            for digest, length in objects:
                name = Folders.name(place, digest)
                if digest not in deleted and lengths.get(name, -1) not in (None, length):
                    wrong = "it has another length than was published" if name in lengths else "it is gone"
                    report.damage(f"{name}, published by record {vault.spell(record.name)}: {wrong}")
    print(progress, "of packs and tables")


def check_snapshots(vault, chunks, snapshots):
    """Everything below each snapshot: pages, extents, chunks."""
    pages, known, progress, report = {}, set(), Progress("verified"), vault.report
    tree = Tree(chunks, report, pages)
    for snapshot in snapshots:
        before = report.damaged
        for parent, entry, segments in itertools.chain(tree.entries(snapshot), tree.accounts(snapshot)):
            path, total = printable(full_path(parent, entry)), 0
            if isinstance(entry.content, bytes):
                total = len(entry.content)
            for length, place in tree.extents(entry.content, segments):
                total += length
                if not place or (place, length) in known:
                    continue
                try:
                    if isinstance(place, Bad):
                        raise place
                    if len(chunks.chunk(place)) != length:
                        raise Bad("a chunk has another length than was announced")
                    known.add((place, length))
                except Bad as error:
                    report.damage(f"{path} in snapshot {snapshot.id[:8]}: {error}")
            if entry.kind[0] == 0 and total != entry.size and not isinstance(entry.state, str):
                report.damage(f"{path} in snapshot {snapshot.id[:8]}: it has {total} bytes where {entry.size} belong")
            progress.add(entry.kind[0] == 0, total)
        print(f"snapshot {snapshot.id[:8]}:", "whole" if report.damaged == before else "DAMAGED", flush=True)
    print(progress, "(what snapshots share is counted once)")


# ---------------------------------------------------------------------------------------------------------
# The command line

def spell_time(time):
    seconds, nanos = time
    try:
        moment = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=seconds)
    except OverflowError:
        return f"{seconds} s after 1970"
    return moment.strftime("%Y-%m-%dT%H:%M:%S") + (f".{nanos:09}".rstrip("0") if nanos else "") + "Z"


def show_list(snapshots, keys, as_json):
    if as_json:
        rows = [{
            "id": one.id, "time": spell_time(one.time), "ended": spell_time(one.ended), "dataset": one.dataset,
            "compartment": keys.named.get(one.compartment, ""), "host": one.host, "user": one.user,
            "paths": [path.decode("utf-8", "surrogateescape") for path in one.paths], "tags": one.tags,
            "member": one.record.name[0].hex(), "held": one.held, "short_id": one.id[:8],
            "arrival": spell_time(one.arrival) if one.arrival else None,
            "entries": one.counts[0], "files": one.counts[1], "bytes": one.counts[2], "troubled": one.counts[3],
            "accepted": one.verdict == "accepted", "verdict": one.verdict, "forgotten": one.forgotten,
            "checkpoint": one.partial, "program": one.program} for one in snapshots]
        print(json.dumps({"snapshots": rows}, indent=2))
        return
    for one in snapshots:
        more = ["forgotten"] * one.forgotten + ["checkpoint"] * one.partial + ["held"] * one.held + one.tags
        more += [one.verdict] if one.verdict == "rejected" else []
        print(f"{one.id[:8]}  {spell_time(one.time)[:19]}Z  {printable(one.dataset)}  on {printable(one.host)}  "
              f"{one.counts[1]} files  {one.counts[2]} bytes  {' '.join(map(printable, one.paths))}"
              + (f"  ({', '.join(map(printable, more))})" if more else ""))
    print(f"{len(snapshots)} snapshots")


def show_catalog(tree, snapshot):
    """What is said of each file, as it stands in its account (§7.7): byte strings as hex digits."""
    for parent, entry, segments in tree.accounts(snapshot):
        path, data = full_path(parent, entry).decode("utf-8", "surrogateescape"), b""
        try:
            if isinstance(entry.content, bytes):
                data = entry.content
            for _, place in tree.extents(entry.content, segments):
                if isinstance(place, Bad):
                    raise place
                data += tree.chunks.chunk(place)
            print(json.dumps({"path": path, "account": decode_cbor(data)}, default=bytes.hex))
        except Bad as error:
            tree.report.damage(f"what is said of {printable(full_path(parent, entry))}: {error}")


def chosen_snapshot(snapshots, wanted):
    listed = [one for one in snapshots if not one.partial]
    found = [one for one in listed if one.id.startswith(wanted.lower())]
    if wanted == "latest":
        found = [one for one in listed if not one.forgotten][-1:]
    if len(found) != 1:
        raise Stop(f"{len(found)} snapshots are called {wanted}: see `list --all`")
    return found[0]


def read_kit(arguments):
    if arguments.kit:
        return Kit(seed_of_kit(arguments.kit))
    try:
        with sys.stdin if arguments.kit_file == "-" else open(arguments.kit_file, encoding="utf-8",
                                                              errors="replace") as file:
            return Kit(seed_of_kit(file.read(MIB)))
    except OSError as error:
        raise Stop(f"the kit cannot be read: {error}") from None


def command_line():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--vault", required=True, metavar="DIR", help="the folder of the vault")
    parser.add_argument("--also", action="append", default=[], metavar="DIR",
                        help="another copy of the same vault, to take from it what is damaged or gone in the first")
    kit = parser.add_mutually_exclusive_group(required=True)
    kit.add_argument("--kit-file", metavar="FILE", help="a file with the words or the line of the kit; - to type them")
    kit.add_argument("--kit", metavar="WORDS", help="the same as one argument (others on this machine may see it)")
    verbs = parser.add_subparsers(dest="verb", required=True)
    listing = verbs.add_parser("list", help="show the snapshots, oldest first")
    listing.add_argument("--json", action="store_true", help="for programs")
    listing.add_argument("--all", action="store_true", help="also what was forgotten, and unfinished checkpoints")
    restore = verbs.add_parser("restore", help="write a snapshot into a folder that is new or empty")
    restore.add_argument("snapshot", metavar="SNAP", help="the beginning of its id, or `latest`")
    restore.add_argument("--to", required=True, metavar="DIR")
    restore.add_argument("--only", action="append", default=[], metavar="PATH",
                         help="only this file, or this folder with all in it; may be given several times")
    restore.add_argument("--keep-damaged", action="store_true",
                         help="keep what is left of damaged files, with zeros for what is lost, as NAME.damaged")
    catalog = verbs.add_parser("catalog", help="show what a snapshot says of its files, a line of JSON for each")
    catalog.add_argument("snapshot", metavar="SNAP", help="the beginning of its id, or `latest`")
    verbs.add_parser("check", help="read and verify everything")
    return parser.parse_args()


def run(arguments, report):
    kit = read_kit(arguments)
    vault = Vault(Folders(arguments.vault, arguments.also), kit, report)
    keys = Secrets(vault)
    snapshots = read_snapshots(vault, keys)
    listed = [one for one in snapshots if not one.forgotten and not one.partial]
    if arguments.verb == "list":
        show_list(snapshots if arguments.all else listed, keys, arguments.json)
        return
    chunks = Chunks(vault, keys)
    if arguments.verb == "check":
        check_objects(vault)
        check_snapshots(vault, chunks, listed)
        print("damage was found: see above" if report.damaged else "no damage was found")
        return
    snapshot = chosen_snapshot(snapshots, arguments.snapshot)
    if arguments.verb == "catalog":
        show_catalog(Tree(chunks, report), snapshot)
        return
    restore = Restore(arguments.to, Tree(chunks, report), report, arguments.only, arguments.keep_damaged)
    restore.run(snapshot)
    print(f"snapshot {snapshot.id[:8]} of {spell_time(snapshot.time)}: {restore.progress}"
          + (f"; {report.damaged} damages, named above" if report.damaged else "")
          + (f"; {report.failed} failures, named above" if report.failed else ""))


def main():
    arguments, report = command_line(), Report()
    try:
        run(arguments, report)
    except Stop as error:
        print(f"stopped: {error}", file=sys.stderr)
        return 20 if report.damaged else 1
    except (Bad, OSError) as error:  # what no single file or snapshot is to blame for
        print(f"stopped: {error}", file=sys.stderr)
        return 20 if isinstance(error, Bad) or report.damaged else 1
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 1
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
