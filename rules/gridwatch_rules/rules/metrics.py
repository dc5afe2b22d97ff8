"""Tells by a metric's name in which direction it is better. This is the one place that knows.

The words are those of XGBoost's evaluation metrics, scikit-learn's scorers, torchmetrics, Keras, Hugging Face evaluate,
COCO, SageMaker's built-in algorithms and what reinforcement learning reports. A name without a known word gives no
answer. `gridwatch_hook.metrics` may not import this package and repeats the scores that XGBoost reports; a test keeps
both equal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum
from functools import lru_cache


class Sense(StrEnum):
    """The direction in which a metric is better, in the words of a spec's objective."""

    RISES = "maximize"
    FALLS = "minimize"


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


# These are never below 0, so a negative number in a log is no value of theirs.
_SHARES = _words_of(
    """acc accuracy ap ar auc aucpr aupr auprc auroc bertscore bleu bleurt chrf cider completeness coverage dcg dice em
    f1 f1score f2 fbeta fmeasure fscore gleu hit hits homogeneity hota iou jaccard map mar meteor miou mos mrr
    msssim ndcg nds nmi npv oks pck ppv pq prauc pre prec precision purity recall roc rocauc rouge rougel
    rougelsum sacrebleu sari sensitivity specificity spice ssim tnr topk tpr vmeasure"""
)
_SCORES = _words_of(
    """ami ams ari auuc calmar cidx coherence comet concordance corr correlation elbo elo gain gini kappa kendall
    kendalltau lift likelihood loglik loglikelihood matthews mcc modularity mota pearson pearsonr pesq pnl profit
    psnr pwll qini qwk r2 r2score rand return returns revenue rew reward rewards score scores sdr sharpe
    silhouette sisdr snr sortino spearman spearmanr stoi throughput uplift vmaf"""
)
_ERRORS = _words_of(
    """ade aic asd assd bic bpb bpc bpd brier cer chamfer crps der drawdown ece eer emd epe err error errors fad fde fdr
    fid fnr fpr fvd hamming hausdorff hd inertia jer kid latency lpips mad mae mape mase mcd mce mdape medae mer merror
    minade mindcf minfde misclassification mphe mpjpe mre msd mse msle msmape mspe nme nrmse owa perplexity pinball
    ppl quantile rae regret rmsd rmse rmsle rmspe rmsse rrse rse rtf silog smape ssd ter violation violations wape
    wer wmape wql"""
)
_LOSSES = _words_of(
    """bce ce cost crossentropy deviance divergence hinge huber kl kld kldiv loss losses nll nlloss nloglik xent"""
)
_COUNTS = _words_of(
    """batch correct count epoch epochs examples images iter iteration negatives positives round runtime samples
    seconds step steps time tokens"""
)
_SIZES = _words_of("latency learning lr memory throughput")
# Words with this meaning only at the end of a name: `map_size` is no mean average precision.
_AT_THE_END = _words_of("ap ar ce der em hit hits map mar pq pre quantile return ter")
# Endings of compound words without separators: `meanIoU`, `rocauc`, `trainloss`.
_ENDINGS = ("iou", "accuracy", "precision", "recall", "auroc", "auc", "ndcg", "bleu", "reward", "f1")
_FALLING_ENDINGS = ("loss", "error", "perplexity", "rmse", "nloglik", "entropyloss")
_PER_SECOND = (
    "(?:batches|examples|frames|images|imgs|items|iterations|rows|samples|steps|tokens|words) per s(?:ec(?:ond)?)?"
)
# (expression for words that belong together, direction); these are matched before single words.
_TOGETHER: tuple[tuple[str, Sense], ...] = (
    ("explained variance", Sense.RISES), ("inception score", Sense.RISES), ("exact match", Sense.RISES),
    ("win rate", Sense.RISES), ("success rate", Sense.RISES), ("hit rate", Sense.RISES), ("hit ratio", Sense.RISES),
    ("true positive rate", Sense.RISES), ("true negative rate", Sense.RISES), ("detection rate", Sense.RISES),
    ("acceptance rate", Sense.RISES), ("mean rho", Sense.RISES), ("c index", Sense.RISES), ("v measure", Sense.RISES),
    ("f beta", Sense.RISES), ("r squared", Sense.RISES), ("calinski harabasz", Sense.RISES),
    ("panoptic quality", Sense.RISES), ("error free", Sense.RISES),
    (_PER_SECOND, Sense.RISES), ("win loss ratio", Sense.RISES), ("f0 5", Sense.RISES),
    ("min dcf", Sense.FALLS), ("mean rank", Sense.FALLS), ("collision rate", Sense.FALLS), ("id switches", Sense.FALLS),
    ("(?:positive|negative) predictive value", Sense.RISES),
    ("log likelihood", Sense.RISES), ("log lik", Sense.RISES), ("log prob", Sense.RISES), ("logprob", Sense.RISES),
    ("false positive rate", Sense.FALLS), ("false negative rate", Sense.FALLS), ("false alarm rate", Sense.FALLS),
    ("miss rate", Sense.FALLS), ("cross entropy", Sense.FALLS), ("bits per byte", Sense.FALLS),
    ("bits per character", Sense.FALLS), ("bits per dim", Sense.FALLS), ("davies bouldin", Sense.FALLS),
    ("edit distance", Sense.FALLS), ("max drawdown", Sense.FALLS), ("bits per char", Sense.FALLS),
    ("abs rel", Sense.FALLS), ("sq rel", Sense.FALLS),
)  # fmt: skip
_LIKELIHOODS = frozenset({"likelihood", "loglikelihood", "loglik", "lik", "ll", "logprob", "prob"})
# At the end of a name these change the meaning of the metric: its spread, its target, its duration.
_NO_SENSE = _words_of("code length len norm scale stddev stdev threshold time variance weight")
_SPREAD = _words_of("std stddev stdev")  # in any position, as in scikit-learn's std_test_score
_LOST = _words_of("degradation drop gap")
_WON = _words_of("decrease improvement reduction savings")
_PLACES = _words_of("at k large medium r small")  # after a word at the end of a name: map_at_10, COCO's AP_small
_NEGATIVE = frozenset({"neg", "negative", "negated", "minus"})
# R@5, P@1, pass@1, top-5: hits among a number of candidates.
_AT_RANK = re.compile(r"(?:^|[^A-Za-z])(?:[RPrp]|HR|[Pp]ass|[Pp]rec|[Aa]cc|[Hh]its?)@(?:\d|[kK]\b)|[Tt]op[-_@ ]?\d")
_WITHOUT = re.compile(r"^(?:(?:train|val|valid|validation|eval|test)[-_:/])?1 ?- ?[A-Za-z]")  # 1-auc
_WORD = re.compile(r"[A-Z]+(?![a-z])[0-9]*|[A-Z]?[a-z]+[0-9]*|[0-9]+")
_PARTS = re.compile(r"[A-Za-z0-9]+")


def is_score(name: str) -> bool:
    """Whether a metric is better when it is higher, by its name: `validation-auc`, `ndcg@10`, `val_accuracy`, `r2`."""
    return sense(name) is Sense.RISES


@lru_cache(maxsize=4096)
def sense(name: str) -> Sense | None:
    """The direction in which the metric is better; None where its name does not tell. A word for an error takes
    precedence over a word for a score: `dice_loss` falls, and so does `accuracy_error`.
    """
    words = _words(name)
    found = _by_words(name, words)
    if found is None or not _is_negated(words):
        return found
    if _LIKELIHOODS & set(words):
        return Sense.FALLS
    return Sense.FALLS if found is Sense.RISES else Sense.RISES  # scikit-learn's neg_mean_squared_error


def _is_negated(words: list[str]) -> bool:
    """Whether a word turns the metric's sign round: it does not in false_negative_rate, nor before "predictive"."""
    around = zip(["", *words], words, [*words[1:], ""], strict=False)
    return any(
        word in _NEGATIVE and before not in ("true", "false") and after != "predictive"
        for before, word, after in around
    )


def is_never_negative(name: str) -> bool:
    """Whether the metric is known never to be below 0, whatever it measures."""
    words = set(_words(name)) | set(_stems(name))
    known = words & (_SHARES | _ERRORS | _COUNTS | _SIZES)
    return bool(known) and not (words & (_NEGATIVE | _LOSSES | (_SCORES - _SIZES)))


def is_count(name: str) -> bool:
    """Whether the metric counts: epochs, steps, rounds."""
    return bool(set(_words(name)) & _COUNTS) and sense(name) is None


def _by_words(name: str, words: list[str]) -> Sense | None:
    text = " ".join(words)
    for together, way in _TOGETHER:
        if re.search(rf"(?:^| ){together}(?: |$)", text):
            return way
    stems = list(_stems(name))
    last = _last(stems)
    if last in _NO_SENSE or _SPREAD & set(words):
        return None
    if last in _WON:
        return Sense.RISES
    if {"d2", "score"} <= set(words):
        return Sense.RISES  # scikit-learn's explained share of an error
    meant = {word for word in (*words, *stems) if word not in _AT_THE_END or word == last}
    if meant & (_ERRORS | _LOSSES) or any(word.endswith(_FALLING_ENDINGS) for word in meant):
        return Sense.FALLS
    if _AT_RANK.search(name):
        return Sense.RISES
    rises = meant & (_SHARES | _SCORES) or any(word.endswith(_ENDINGS) for word in meant)
    if rises and (last in _LOST or _WITHOUT.match(name)):
        return Sense.FALLS
    return Sense.RISES if rises else None


def _words(name: str) -> list[str]:
    """The words of a name, which may also be separated by capitals: `val_Accuracy` and `valAccuracy`."""
    return [word.lower() for word in _WORD.findall(name)]


def _stems(name: str) -> Iterator[str]:
    """Yield the parts between separators, as they are and without a trailing number: `mAP50`, `bleu4`, `rougeL`."""
    for part in _PARTS.findall(name):
        yield part.lower()
        stem = part.lower().rstrip("0123456789")
        if stem and stem != part.lower():
            yield stem
    for word in _WORD.findall(name):
        stem = word.lower().rstrip("0123456789")
        if len(stem) > 1 and stem != word.lower():
            yield stem


def _last(stems: list[str]) -> str | None:
    """The last word that is neither a number nor a position."""
    return next((word for word in reversed(stems) if not word.isdigit() and word not in _PLACES), None)
