"""What the reader must get right apart from a vault: known answers, refusals, and names that try to lead out.

    python3 recover/test_recover.py
"""

import json
import os
import tempfile
import unittest
from pathlib import Path

import oncovault_recover as recover

VECTORS = Path(__file__).resolve().parent.parent / "golden" / "vectors"


def vectors(name):
    return json.loads((VECTORS / name).read_text(encoding="utf-8"))


class Quiet(recover.Report):
    """Remembers what was said."""

    def __init__(self):
        super().__init__()
        self.said = []

    def damage(self, text):
        self.damaged += 1
        self.said.append(text)

    def failure(self, text):
        self.failed += 1
        self.said.append(text)

    def note(self, text):
        self.said.append(text)


class KnownAnswers(unittest.TestCase):
    def test_the_words_and_the_line_of_a_kit_give_its_public_keys(self):
        known = vectors("seal-open.json")["recovery"]
        words = known["words"].split()
        in_columns = "\n".join(f"{n + 1}. {words[n]}   {n + 13:2}. {words[n + 12].upper()}" for n in range(12))
        for text in (known["words"], known["text"].lower(), f"Keep this.\n{known['words']}\nIn a safe.", in_columns):
            kit = recover.Kit(recover.seed_of_kit(text))
            self.assertEqual(kit.kem_public.hex(), known["kem_public"])
            self.assertEqual(kit.ed25519_public.hex(), known["verify_public"][:64])

    def test_a_mistake_in_a_kit_is_noticed(self):
        known = vectors("seal-open.json")["recovery"]
        words = known["words"].split()
        for text in (" ".join(words[1:] + words[:1]), known["text"].replace("W6", "W7"), " ".join(words[:23]), ""):
            with self.assertRaises(recover.Stop):
                recover.seed_of_kit(text)

    def test_three_of_five_shares_give_the_kit_back_however_they_are_written(self):
        known = vectors("seal-open.json")["recovery"]
        shares = known["shares"]
        listed = "\n\n".join("\n".join(f"{n + 1}. {word.upper()}" for n, word in enumerate(share.split()))
                             for share in (shares[4], shares[0], shares[2]))
        for text in ("\n".join(shares[:3]), "\n\n".join(shares[2:]), "\n".join(shares), listed):
            kit = recover.Kit(recover.seed_of_kit(text))
            self.assertEqual(kit.kem_public.hex(), known["kem_public"])

    def test_too_few_shares_and_wrong_ones_are_refused(self):
        shares = vectors("seal-open.json")["recovery"]["shares"]
        wrong = " ".join(shares[0].split()[1:] + shares[0].split()[:1])
        for text in ("\n".join(shares[:2]), "\n".join([*shares[:2], shares[0]]), "\n".join([wrong, *shares[1:3]])):
            with self.assertRaises(recover.Stop):
                recover.seed_of_kit(text)

    def test_x_wing_gives_the_secrets_of_its_draft(self):
        for known in vectors("seal-xwing.json")["vectors"]:
            public, shared_secret = recover.x_wing(bytes.fromhex(known["seed"]))
            self.assertEqual(public.hex(), known["public"])
            self.assertEqual(shared_secret(bytes.fromhex(known["enc"])).hex(), known["shared"])

    def test_segments_open_with_their_keys(self):
        known = vectors("seal.json")
        for one in known["segments"]:
            secret = bytes.fromhex(one["seed"]) if "seed" in one else None
            group = bytes.fromhex(one["group_key"]) if "group_key" in one else None
            segment = recover.Segment(bytes.fromhex(one["context"]), bytes.fromhex(one["head"]), secret, group)
            self.assertEqual(segment.id.hex(), one["id"])
            for frame in one["frames"]:
                opened = segment.open(frame["number"], bytes.fromhex(frame["stored"]))
                self.assertEqual(opened, (frame["coder"], frame["kind"], bytes.fromhex(frame["plain"])))

    def test_signatures_hold_for_their_message_alone(self):
        known = vectors("seal.json")["sign"]
        public, signature = bytes.fromhex(known["verify_public"]), bytes.fromhex(known["signature"])
        message = bytes.fromhex(known["bytes"])
        self.assertTrue(recover.signature_holds(public, message, signature, Quiet()))
        self.assertFalse(recover.signature_holds(public, message + b"!", signature, Quiet()))

    def test_frames_of_chunks_are_read_or_refused(self):
        known = vectors("coding-frame.json")
        for one in known["accepted"]:
            plain, chunks = recover.decode_frame(one["coder"], bytes.fromhex(one["frame"]))
            self.assertEqual([plain[at:at + length].hex() for at, length in chunks],
                             [chunk["plain"] for chunk in one["chunks"]])
        for one in known["refused"]:
            with self.subTest(one["name"]), self.assertRaises(recover.Bad):
                recover.decode_frame(one["coder"], bytes.fromhex(one["frame"]))


class Refusals(unittest.TestCase):
    def test_only_the_one_encoding_of_cbor_is_read(self):
        self.assertEqual(recover.decode_cbor(bytes.fromhex("8520f6416162c3a4820180")),
                         [-1, None, b"a", "ä", [1, []]])
        for wrong in ("", "1817", "a0", "c001", "f93c00", "9f01ff", "5f4101ff", "61ff", "0000", "82",
                      "5b7fffffffffffffff", "9b7fffffffffffffff", "f7", "1c"):
            with self.subTest(wrong), self.assertRaises(recover.Bad):
                recover.decode_cbor(bytes.fromhex(wrong))
        deep = recover.decode_cbor(b"\x81" * 100_000 + b"\x00")
        while deep:
            deep = deep[0]

    def test_names_that_lead_elsewhere_are_refused(self):
        for parent, name in ((b"", b".."), (b"..", b"a"), (b"a/../b", b"c"), (b"/a", b"b"), (b"a/", b"b"),
                             (b"", b"a/b"), (b"", b""), (b"a", b"."), (b"", b"a\0")):
            with self.subTest((parent, name)), self.assertRaises(recover.Bad):
                recover.order_key(parent, name)

    def test_nothing_is_written_through_a_planted_link(self):
        def entry(name, kind, content=None):
            size = len(content) if content else 0
            return recover.Entry(name, kind, 0o644, 0, 0, b"", b"", 0, 0, size, [], None, content, None)

        class Planted:
            chunks = None

            @staticmethod
            def entries(_):
                yield b"", entry(b"way", (2, outside.encode())), []
                yield b"way", entry(b"planted", (0,), b"bytes"), []
                yield b"", entry(b"whole", (0,), b"bytes"), []

            @staticmethod
            def extents(*_):
                return ()

        with tempfile.TemporaryDirectory() as outside, tempfile.TemporaryDirectory() as inside:
            report = Quiet()
            recover.Restore(inside, Planted, report).run(None)
            self.assertEqual(os.listdir(outside), [])
            self.assertEqual(sorted(os.listdir(inside)), ["way", "whole"])
            self.assertEqual(report.exit_code(), 1)


if __name__ == "__main__":
    unittest.main()
