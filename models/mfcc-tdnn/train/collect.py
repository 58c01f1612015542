#!/usr/bin/env python3
"""Gathers training speech into one file of samples and one list.

usage: collect.py OUT --speech DIR [--voices DIR] [--extra DIR] [--corpora NAME ...]

DIR of --speech holds recordings with manifest.tsv (corpus, speaker, file, age, gender, session); only the
open corpora are taken (or those named), and of Common Voice nobody who is held back. --voices is what fixtures/voices.sh
fetches. --extra holds checkouts of public repositories of speech (CARD.md names them), each in a folder
owner_name. Writes OUT/audio.i16 (16 kHz, mono) and OUT/list.tsv: corpus, speaker (empty if unknown),
file, first sample, samples, age, gender.
"""
import argparse
import csv
import hashlib
import os
import re
from collections import defaultdict
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import soundfile
from scipy.signal import resample_poly

csv.field_size_limit(10**7)
RATE_HZ = 16_000
OPEN = {"commonvoice", "speechocean762", "libri_tc100", "speechcmd", "coswara"}
LONGEST_S = 20.0
SHORTEST_S = 1.5
JOIN_S = 5.0  # clips of one word are joined to about this much
MOST_S = {"asterisk": 1_500.0, "arabic_commands": 240.0, "spoken_digits": 240.0, "dsp_words": 300.0,
          "cv_more": 40.0}  # of one voice
# Later parts of Common Voice (CC0) in other repositories.
COMMON_VOICE = ("shubhra-cv_17", "shubhra-cv_18", "shubhra-cv_19", "korliu_whisper", "leeqingming-BOL_mychinesemultipa",
                "puri-gagan_speechdataset")
# Copies of Google's Speech Commands (CC BY 4.0) in other repositories: parts that overlap.
SPEECH_COMMANDS = ("Kemanth_Tensorflow-Speech-Recognition-using-convolution-neural-networks", "RoyzLevy_SpeechCommandClassifier",
                   "anshulgupta0803_isolated-speech-commands", "thegtagamer_PICO-tinyML-benchmark",
                   "vinsis_speech-commands-recognition", "chaeyoung-lee_wids_tutorial")
AGES = {"teens": "13-19", "twenties": "20-29", "thirties": "30-39", "fourties": "40-49",
        "fifties": "50-59", "sixties": "60-69", "seventies": "70-79", "eighties": "80-89"}


def held_back(speaker):
    """One Common Voice speaker in ten is kept for evaluation: FNV-1a-64 of the id, modulo 10."""
    value = 0xCBF29CE484222325
    for byte in speaker.encode():
        value = ((value ^ byte) * 0x100000001B3) % 2**64
    return value % 10 == 0


def opened(path):
    """What soundfile needs beside the name: calls without a header are G.711 mu-law at 8 kHz."""
    if path.endswith(".ulaw"):
        return {"samplerate": 8_000, "channels": 1, "format": "RAW", "subtype": "ULAW"}
    return {}


def duration_s(path):
    if path.endswith(".ulaw"):
        return os.path.getsize(path) / 8_000
    return soundfile.info(path).duration


def read(path):
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True, **opened(path))
    samples = samples[:, 0]
    if rate != RATE_HZ:
        common = np.gcd(rate, RATE_HZ)
        samples = resample_poly(samples, RATE_HZ // common, rate // common)
    return samples[: int(LONGEST_S * RATE_HZ)]


def to_i16(samples):
    return np.clip(np.round(samples * 32767), -32768, 32767).astype(np.int16)


def load(row):
    """Joins the files of one row; None if they cannot be read or are silent."""
    try:
        samples = np.concatenate([read(path) for path in row["paths"]])
    except (soundfile.LibsndfileError, ValueError):
        return None
    if len(samples) < SHORTEST_S * RATE_HZ or np.abs(samples).max() < 0.003:
        return None
    return to_i16(samples)


def from_manifest(root, corpora):
    with open(os.path.join(root, "manifest.tsv"), newline="") as f:
        rows = [r for r in csv.DictReader(f, delimiter="\t") if r["corpus"] in corpora]
    for row in rows:
        if row["corpus"] == "commonvoice" and held_back(row["speaker"]):
            continue
        # Held vowels say little of how somebody speaks.
        if row["corpus"] == "coswara" and "vowel" in row["file"]:
            continue
        yield row["corpus"], row["speaker"], os.path.join(root, row["file"]), row["age"], row["gender"]


def clip_speakers(root):
    """Common Voice clip name -> speaker of the manifest."""
    with open(os.path.join(root, "manifest.tsv"), newline="") as f:
        return {os.path.splitext(os.path.basename(r["file"]))[0]: r["speaker"]
                for r in csv.DictReader(f, delimiter="\t") if r["corpus"] == "commonvoice"}


def walk(root, *suffixes):
    for folder, _, names in sorted(os.walk(root)):
        for name in sorted(names):
            if name.lower().endswith(suffixes):
                yield os.path.join(folder, name)


def common_voice(root, known, corpus):
    """Clips of a Common Voice checkout that the manifest lacks, by client id."""
    clients = {}
    for path in walk(root, ".tsv"):
        with open(path, newline="", encoding="utf-8", errors="replace") as f:
            for r in csv.DictReader(f, delimiter="\t", quoting=csv.QUOTE_NONE):
                if r.get("client_id") and r.get("path"):
                    clip = os.path.splitext(os.path.basename(r["path"]))[0]
                    clients[clip] = (r["client_id"], AGES.get(r.get("age") or "", ""),
                                     {"male": "M", "female": "F"}.get(r.get("gender") or "", ""))
    names = {clients[clip][0]: speaker for clip, speaker in known.items() if clip in clients}
    for path in walk(root, ".mp3"):
        clip = os.path.splitext(os.path.basename(path))[0]
        if clip in known or clip not in clients:
            continue
        client, age, gender = clients[clip]
        # The manifest names people like this, too.
        prefix = "CV" if corpus == "cv_more" else "cv"
        speaker = names.get(client, prefix + client[:16])
        if not held_back(speaker):
            yield corpus, speaker, path, age, gender


def extras(root, known):
    def have(name):
        return os.path.isdir(os.path.join(root, name)) and os.path.join(root, name)

    if path := have("omnilingo_rsample-100-cv-corpus-6.1-2020-12-11"):
        yield from common_voice(path, known, "commonvoice")
    if path := have("yasaman999_SR"):
        yield from common_voice(path, known, "cv_fa")
    if path := have("jimbozhang_speechocean762"):
        for file in walk(path, ".wav"):
            speaker = os.path.basename(os.path.dirname(file)).replace("SPEAKER", "SO")
            yield "speechocean762", speaker, file, "", ""
    for name in ("Picovoice_speech-to-intent-benchmark", "Picovoice_wake-word-benchmark",
                 "fsta-fo_voice-age-prediction/mp3_files", "pryyyynz_audio-for-Twi-TTS",
                 "MycroftAI_Precise-Community-Data"):
        for file in walk(os.path.join(root, name), ".wav", ".mp3", ".flac"):
            clip = os.path.splitext(os.path.basename(file))[0]
            if clip not in known and "noise" not in file:
                yield name.split("/")[0], "", file, "", ""
    if path := have("abdulkaderghandoura_arabic-speech-commands-dataset"):
        for file in walk(path, ".wav"):
            if match := re.match(r"(\d+)_NO_", os.path.basename(file)):
                yield "arabic_commands", "ar" + match[1], file, "", ""
    for file in walk(os.path.join(root, "Jakobovski_free-spoken-digit-dataset"), ".wav"):
        if match := re.match(r"\d_(\w+)_\d+\.wav", os.path.basename(file)):
            yield "spoken_digits", "fsdd-" + match[1], file, "", ""
    for name in COMMON_VOICE:
        yield from common_voice(os.path.join(root, name), known, "cv_more")
    for file in walk(os.path.join(root, "leeyide96_transcription-generator", "asr", "data"), ".mp3"):
        yield "cv_first", "", file, "", ""
    seen = set()
    for name in SPEECH_COMMANDS:
        for file in walk(os.path.join(root, name), ".wav"):
            if match := re.search(r"(?:^|_)([0-9a-f]{8})_nohash_", os.path.basename(file)):
                content = hashlib.sha256(open(file, "rb").read()).digest()
                if content not in seen:
                    seen.add(content)
                    yield "speechcmd", match[1], file, "", ""
    # Several calls of one person have no common name there: without speakers.
    for file in walk(os.path.join(root, "wake-up-word_wuw-corpus-ii", "calls"), ".ulaw"):
        if not file.endswith("_000.ulaw"):  # says the caller's name
            yield "wuw_calls", "", file, "", ""
    for file in walk(os.path.join(root, "zhongyuchen_DSPSpeech-20", "speech_data"), ".wav"):
        yield "dsp_words", "dsp" + os.path.basename(os.path.dirname(file)), file, "", ""


def rows_of(args):
    known = clip_speakers(args.speech)
    single = list(from_manifest(args.speech, set(args.corpora)))
    if args.extra:
        stems = {os.path.splitext(os.path.basename(p))[0] for _, _, p, _, _ in single}
        for corpus, speaker, path, age, gender in extras(args.extra, known):
            if os.path.splitext(os.path.basename(path))[0] in stems:
                continue
            single.append((corpus, speaker, path, age, gender))
    if args.voices:
        for file in walk(args.voices, ".wav"):
            voice = os.path.basename(os.path.dirname(file)).split("_")[-1].lower()
            single.append(("asterisk", voice, file, "", ""))
    words = defaultdict(list)
    for corpus, speaker, path, age, gender in single:
        seconds = duration_s(path)
        if corpus == "asterisk" and seconds < SHORTEST_S:
            continue
        if speaker and seconds < SHORTEST_S:
            words[corpus, speaker, age, gender].append((path, seconds))
        elif seconds >= SHORTEST_S:
            yield {"corpus": corpus, "speaker": speaker, "paths": [path], "age": age, "gender": gender,
                   "seconds": min(seconds, LONGEST_S)}
    for (corpus, speaker, age, gender), clips in words.items():
        # Different words in one row: by a hash of the name, not by folder.
        clips.sort(key=lambda clip: hashlib.sha256(os.path.basename(clip[0]).encode()).digest())
        paths, seconds = [], 0.0
        for path, duration in clips:
            paths.append(path)
            seconds += duration
            if seconds >= JOIN_S:
                yield {"corpus": corpus, "speaker": speaker, "paths": paths, "age": age, "gender": gender,
                       "seconds": seconds}
                paths, seconds = [], 0.0
        if seconds >= SHORTEST_S:
            yield {"corpus": corpus, "speaker": speaker, "paths": paths, "age": age, "gender": gender,
                   "seconds": seconds}


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("out")
    parser.add_argument("--speech", required=True)
    parser.add_argument("--voices")
    parser.add_argument("--extra")
    parser.add_argument("--corpora", nargs="+", default=sorted(OPEN))
    args = parser.parse_args()
    os.makedirs(args.out, exist_ok=True)
    taken = defaultdict(float)
    rows = []
    for row in rows_of(args):
        key = (row["corpus"], row["speaker"])
        taken[key] += row["seconds"]
        if taken[key] > MOST_S.get(row["corpus"], np.inf):
            continue
        rows.append(row)
    first = 0
    with open(os.path.join(args.out, "audio.i16"), "wb") as audio, \
            open(os.path.join(args.out, "list.tsv"), "w") as listing, ProcessPoolExecutor(2) as pool:
        listing.write("corpus\tspeaker\tfile\tfirst\tsamples\tage\tgender\n")
        for row, samples in zip(rows, pool.map(load, rows, chunksize=64)):
            if samples is None:
                continue
            audio.write(samples.tobytes())
            name = os.path.basename(row["paths"][0])
            listing.write(f"{row['corpus']}\t{row['speaker']}\t{name}\t{first}\t{len(samples)}\t{row['age']}\t{row['gender']}\n")
            first += len(samples)
    print(f"{len(rows)} recordings, {first / RATE_HZ / 3600:.2f} h")


if __name__ == "__main__":
    main()
