"""The endings of the names of recordings, in lower case."""

from __future__ import annotations

import soundfile

# What libsndfile calls its formats, other endings of theirs, and what it cannot decode but a folder of recordings may
# well hold: such a file is named as undecodable instead of being passed over. A .raw has no header, so that nobody
# knows what it holds.
_OTHERS = "aif aifc m4a m4b aac mp4 mpga mka oga opus snd sph wave weba webm wma"
AUDIO_ENDINGS = frozenset(
    f".{ending}" for ending in (*_OTHERS.split(), *map(str.lower, soundfile.available_formats()))
) - {".raw"}
