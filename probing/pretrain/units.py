"""The units that HuBERT predicts: clusters of MFCC frames first, then clusters of its own hidden states.

Shape legend: S samples at 16 kHz · T frames (50 Hz) · F features.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal
from scipy.cluster.vq import kmeans2, vq
from transformers.audio_utils import mel_filter_bank, spectrogram, window_function

from probing.audio.decode import SAMPLE_RATE

Floats = NDArray[np.float32]

HOP, WINDOW, FFT, MELS, COEFFICIENTS = 320, 400, 512, 23, 13
DELTA_WIDTH = 5  # frames over which differences in time are taken
PASSES = 20  # of k-means over its sample


def mfcc(waveform: Floats) -> Floats:
    """Mel-frequency cepstral coefficients with first and second differences.

    Args:
        waveform: Samples [S], at least 7 frames.

    Returns:
        Features [T, 39], one for each of HuBERT's frames, each feature without its mean over the utterance.
    """
    filters = mel_filter_bank(FFT // 2 + 1, MELS, 20.0, 7800.0, SAMPLE_RATE, norm="slaney")
    window = window_function(WINDOW, "hamming", frame_length=WINDOW)
    mel_FT = spectrogram(
        waveform,
        window,
        WINDOW,
        HOP,
        FFT,
        power=2.0,
        center=False,
        preemphasis=0.97,
        mel_filters=filters,
        log_mel="log",
    )
    cepstra_TF = fft.dct(mel_FT.T, norm="ortho")[:, :COEFFICIENTS]
    changes = [signal.savgol_filter(cepstra_TF, DELTA_WIDTH, 2, deriv=order, axis=0) for order in (1, 2)]
    features_TF = np.concatenate([cepstra_TF, *changes], axis=1)
    return np.asarray(features_TF - features_TF.mean(0), dtype=np.float32)


def cluster(features_TF: Floats, clusters: int, seed: int) -> tuple[Floats, Floats]:
    """Find clusters by k-means (k-means++ start).

    Args:
        features_TF: A sample of frames.
        clusters: How many.
        seed: Equal arguments give equal clusters.

    Returns:
        Centres [clusters, F], of features divided by their spread, and the spread [F].
    """
    spread = features_TF.std(0) + 1e-6
    rng = np.random.default_rng(seed)
    centres, _ = kmeans2(features_TF / spread, clusters, iter=PASSES, minit="++", seed=rng)
    return centres.astype(np.float32), spread.astype(np.float32)


def assign(features_TF: Floats, centres: Floats, spread: Floats) -> NDArray[np.int64]:
    """The nearest cluster of every frame [T]."""
    return np.asarray(vq(features_TF / spread, centres)[0], dtype=np.int64)
