"""SageMaker's built-in algorithms, as far as specs are checked against them.

Source: "Parameters for Built-in Algorithms" (channels, input modes, file types, instances) and each algorithm's tuning
page (metrics) of the SageMaker developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

# That any of them reads ("Common Information About Built-in Algorithms" of the developer guide).
CHANNELS = (
    "train", "validation", "test", "auxiliary", "vocab", "model", "train_lst", "validation_lst", "train_annotation",
    "validation_annotation", "label_map", "training",
)  # fmt: skip
_FILE_PIPE = ("File", "Pipe", "FastFile")
_PROTOBUF_CSV = ("application/x-recordio-protobuf", "text/csv")
_IMAGES = ("application/x-recordio", "image/png", "image/jpeg", "application/x-image")


@dataclass(frozen=True, slots=True, kw_only=True)
class BuiltIn:
    """A built-in algorithm. `channels`: the required ones. `processors`: those that it trains on. `metrics`: those that
    its tuning page lists.
    """

    channels: tuple[str, ...] = ("train",)
    input_modes: tuple[str, ...] = _FILE_PIPE
    content_types: tuple[str, ...] = _PROTOBUF_CSV
    processors: tuple[str, ...] = ("cpu", "gpu")
    several_instances: bool = True
    metrics: tuple[str, ...] = ()
    incremental: bool = False  # takes the model of an earlier training in the channel `model`


BUILT_IN: Mapping[str, BuiltIn] = {
    "blazingtext": BuiltIn(
        content_types=("text/plain",), several_instances=False, metrics=("train:mean_rho", "validation:accuracy")
    ),
    "factorization-machines": BuiltIn(
        content_types=("application/x-recordio-protobuf",),
        metrics=(
            "test:rmse", "test:binary_classification_accuracy", "test:binary_classification_cross_entropy",
            "test:binary_f_beta",
        ),
    ),
    "forecasting-deepar": BuiltIn(
        input_modes=("File",),
        content_types=("application/json", "json", "jsonlines", "application/jsonlines", "application/x-parquet"),
        metrics=("test:RMSE", "test:mean_wQuantileLoss", "train:final_loss"),
    ),
    "image-classification": BuiltIn(
        channels=("train", "validation"), content_types=_IMAGES, processors=("gpu",),
        metrics=("validation:accuracy",), incremental=True,
    ),
    "ipinsights": BuiltIn(
        input_modes=("File",), content_types=("text/csv",), metrics=("validation:discriminator_auc",)
    ),
    "kmeans": BuiltIn(metrics=("test:msd", "test:ssd")),
    "knn": BuiltIn(metrics=("test:accuracy", "test:mse")),
    "lda": BuiltIn(processors=("cpu",), several_instances=False, metrics=("test:pwll",)),
    "linear-learner": BuiltIn(
        metrics=tuple(
            f"{channel}:{metric}"
            for channel in ("test", "validation")
            for metric in (
                "absolute_loss", "binary_classification_accuracy", "binary_f_beta", "dcg", "macro_f_beta",
                "macro_precision", "macro_recall", "mse", "multiclass_accuracy", "multiclass_top_k_accuracy",
                "objective_loss", "precision", "rmse", "recall", "roc_auc_score",
            )
        ),
    ),
    "ntm": BuiltIn(metrics=("validation:total_loss",)),
    "object-detection": BuiltIn(
        channels=("train", "validation"), content_types=_IMAGES, processors=("gpu",), metrics=("validation:mAP",),
        incremental=True,
    ),
    "object2vec": BuiltIn(
        input_modes=("File",), content_types=("application/jsonlines",), several_instances=False,
        metrics=(
            "test:accuracy", "test:cross_entropy", "test:mean_squared_error", "validation:accuracy",
            "validation:cross_entropy", "validation:mean_squared_error",
        ),
    ),
    "pca": BuiltIn(metrics=("test:throughput",)),
    "randomcutforest": BuiltIn(processors=("cpu",), metrics=("test:f1",)),
    "semantic-segmentation": BuiltIn(
        channels=("train", "validation", "train_annotation", "validation_annotation"),
        content_types=("image/png", "image/jpeg", "application/x-image"), processors=("gpu",),
        several_instances=False, metrics=("validation:mIOU", "validation:pixel_accuracy"), incremental=True,
    ),
    "seq2seq": BuiltIn(
        channels=("train", "validation", "vocab"), input_modes=("File",),
        content_types=("application/x-recordio-protobuf", "application/json"), processors=("gpu",),
        several_instances=False, metrics=("validation:accuracy", "validation:bleu", "validation:perplexity"),
    ),
}  # fmt: skip
