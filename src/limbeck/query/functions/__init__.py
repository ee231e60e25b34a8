"""The functions that are served; nothing else leaves the resolver."""

from limbeck.query.functions import (
    aggregates,
    attribution,
    between,
    binary,
    conversions,
    dates,
    documents,
    lists,
    logic,
    maps,
    maths,
    pathing,
    sessions,
    text,
    windows,
)
from limbeck.query.functions.model import Function

FUNCTIONS: dict[str, Function] = {
    **conversions.FUNCTIONS,
    **maths.FUNCTIONS,
    **logic.FUNCTIONS,
    **text.FUNCTIONS,
    **binary.FUNCTIONS,
    **documents.FUNCTIONS,
    **dates.FUNCTIONS,
    **lists.FUNCTIONS,
    **maps.FUNCTIONS,
    **aggregates.FUNCTIONS,
    **windows.FUNCTIONS,
    **between.FUNCTIONS,
    **sessions.FUNCTIONS,
    **pathing.FUNCTIONS,
    **attribution.FUNCTIONS,
}
"""By lower-case name."""

_SKETCHES = ("hll_build_agg", "hll_estimate", "hll_merge_agg", "hll_merge_count_agg", "sketch_count", "sketch_estimate")
_MODELS = (
    *("numeric_imputer", "string_imputer", "boolean_imputer", "vector_assembler", "binarizer", "bucketizer"),
    *("min_max_scaler", "max_abs_scaler", "normalizer", "quantile_discretizer", "standard_scaler", "string_indexer"),
    *("one_hot_encoder", "count_vectorizer", "ngram", "stop_words_remover", "tf_idf", "tokenizer", "word2vec"),
    *("model_evaluate", "model_predict"),
)

NOT_SERVED: dict[str, str] = {
    **dict.fromkeys(_SKETCHES, "sketches are not served; count(DISTINCT …) and approx_count_distinct are"),
    **dict.fromkeys(_MODELS, "models are not served in SQL"),
}
"""Functions of the dialect that are refused, and what to say of them (SQL contract, sections 2.11 and 3.6)."""

__all__ = ["FUNCTIONS", "NOT_SERVED", "Function"]
