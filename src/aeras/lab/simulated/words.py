"""Open answers that simulated shoppers give, by reason and language; written for this project."""

from __future__ import annotations

from typing import Final

import numpy as np

LANGUAGES: Final = ("en", "de", "es", "ja")
REASONS: Final = ("taste", "price", "fit", "label", "quality", "other")
"""The choices of the built-in form, in its order."""

_PLAIN_SHARE = 0.45
"""Share of answers that are the bare remark, without a beginning or an end."""

OPENINGS: Final = {
    "en": ("Honestly, ", "To be fair, ", "For me, ", "I looked at it twice, but ", "Sorry, but "),
    "de": ("Ehrlich gesagt: ", "Schade, ", "Für mich gilt: ", "Kurz gesagt: ", "Leider: "),
    "es": ("La verdad, ", "Para mí, ", "Lo pensé, pero ", "Sinceramente, ", "Una pena: "),
    "ja": (
        "正直なところ、",
        "残念ですが、",
        "個人的には、",
        "少し迷いましたが、",
        "毎回思いますが、",
    ),
}
ENDINGS: Final = {
    "en": (" Maybe next time.", " I took another one.", " Please change that.", " That is all."),
    "de": (" Vielleicht ein andermal.", " Ich nahm ein anderes.", " Bitte ändern.", " Mehr nicht."),
    "es": (" Quizá otro día.", " Cogí otro.", " Cambiadlo, por favor.", " Nada más."),
    "ja": ("また今度にします。", "別の商品にしました。", "改善してほしいです。", "以上です。"),
}
JOINERS: Final = {"en": ".", "de": ".", "es": ".", "ja": "。"}

REMARKS: Final = {
    "taste": {
        "en": (
            "it smelled odd when I opened the lid",
            "last time the taste was far too sweet",
            "the flavour is too artificial",
            "I do not like that aftertaste",
            "it sounds too spicy for my children",
            "the scent was much too strong",
        ),
        "de": (
            "es roch beim Öffnen seltsam",
            "beim letzten Mal war es viel zu süß",
            "der Geschmack ist mir zu künstlich",
            "der Nachgeschmack gefällt mir nicht",
            "für meine Kinder ist es zu scharf",
            "der Duft war viel zu stark",
        ),
        "es": (
            "olía raro al abrirlo",
            "la última vez estaba demasiado dulce",
            "el sabor es muy artificial",
            "no me gusta el regusto que deja",
            "es demasiado picante para mis hijos",
            "el olor era muy fuerte",
        ),
        "ja": (
            "開けたときの匂いが気になりました",
            "前に買ったときは甘すぎました",
            "味が人工的に感じます",
            "後味が苦手です",
            "子どもには辛すぎます",
            "香りが強すぎました",
        ),
    },
    "price": {
        "en": (
            "it costs too much for what it is",
            "the same thing is cheaper across the street",
            "the price went up again",
            "I would buy it on offer",
            "three euro for such a small pack is a lot",
            "the price tag and the shelf did not agree",
        ),
        "de": (
            "für das, was drin ist, ist es zu teuer",
            "nebenan kostet dasselbe weniger",
            "der Preis ist schon wieder gestiegen",
            "im Angebot würde ich es kaufen",
            "drei Euro für so eine kleine Packung ist viel",
            "das Preisschild stimmte nicht mit dem Regal überein",
        ),
        "es": (
            "cuesta demasiado para lo que es",
            "enfrente lo venden más barato",
            "ha vuelto a subir de precio",
            "lo compraría en oferta",
            "tres euros por un paquete tan pequeño es mucho",
            "la etiqueta del precio no coincidía",
        ),
        "ja": (
            "内容のわりに値段が高いです",
            "近くの店のほうが安いです",
            "また値上がりしていました",
            "特売なら買うと思います",
            "この量で三ユーロは高すぎます",
            "棚の値札と価格が合っていませんでした",
        ),
    },
    "fit": {
        "en": (
            "the pack is too big for one person",
            "it does not fit into my fridge door",
            "I needed the small size",
            "the bottle is too heavy to carry home",
            "there was only the family pack",
            "it is too small for the four of us",
        ),
        "de": (
            "die Packung ist für eine Person zu groß",
            "es passt nicht in meine Kühlschranktür",
            "ich hätte die kleine Größe gebraucht",
            "die Flasche ist zum Tragen zu schwer",
            "es gab nur die Familienpackung",
            "für uns vier ist es zu wenig",
        ),
        "es": (
            "el envase es demasiado grande para una persona",
            "no cabe en la puerta de mi nevera",
            "necesitaba el tamaño pequeño",
            "la botella pesa mucho para llevarla a casa",
            "solo había el paquete familiar",
            "es muy poco para cuatro",
        ),
        "ja": (
            "一人には量が多すぎます",
            "冷蔵庫のドアに入りません",
            "小さいサイズが欲しかったです",
            "持ち帰るには重すぎます",
            "大家族用しかありませんでした",
            "四人には少なすぎます",
        ),
    },
    "label": {
        "en": (
            "I could not find the allergens on it",
            "the print is so small that I cannot read it",
            "it does not say where it comes from",
            "I was not sure whether it is vegan",
            "the label promises more than the list of contents",
            "how much sugar is in it was hidden under the fold",
        ),
        "de": (
            "ich fand keine Angaben zu Allergenen",
            "die Schrift ist so klein, dass ich sie nicht lesen kann",
            "es steht nicht drauf, woher es kommt",
            "ich war nicht sicher, ob es vegan ist",
            "vorne steht mehr, als die Zutatenliste hält",
            "der Zuckergehalt war unter der Falz versteckt",
        ),
        "es": (
            "no encontré los alérgenos en el envase",
            "la letra es tan pequeña que no puedo leerla",
            "no dice de dónde viene",
            "no me quedó claro si es vegano",
            "la etiqueta promete más que los ingredientes",
            "el azúcar que lleva estaba escondido en el pliegue",
        ),
        "ja": (
            "アレルギー表示が見つかりませんでした",
            "文字が小さすぎて読めません",
            "産地が書かれていません",
            "ヴィーガン対応か分かりませんでした",
            "表の宣伝と原材料が違う気がします",
            "糖質の量が折り目に隠れていました",
        ),
    },
    "quality": {
        "en": (
            "the best-before date was tomorrow",
            "the packaging was dented and sticky",
            "it did not look fresh",
            "the seal was already broken",
            "the last one went bad after two days",
            "it felt soft and a bit warm",
        ),
        "de": (
            "das Haltbarkeitsdatum war schon morgen",
            "die Verpackung war verbeult und klebrig",
            "es sah nicht frisch aus",
            "das Siegel war schon offen",
            "das letzte war nach zwei Tagen schlecht",
            "es war weich und etwas warm",
        ),
        "es": (
            "caducaba mañana mismo",
            "el envase estaba abollado y pegajoso",
            "no parecía fresco",
            "el precinto ya estaba roto",
            "el último se estropeó en dos días",
            "estaba blando y algo templado",
        ),
        "ja": (
            "賞味期限が明日まででした",
            "パッケージがへこんでべたついていました",
            "新鮮に見えませんでした",
            "シールがすでに開いていました",
            "前回は二日で傷みました",
            "柔らかくて少しぬるかったです",
        ),
    },
    "other": {
        "en": (
            "I still have some at home",
            "I only wanted to look",
            "my partner wanted another brand",
            "there is too much plastic around it",
            "I forgot my bag and had no hand free",
            "the queue was too long",
        ),
        "de": (
            "ich habe noch welches zu Hause",
            "ich wollte nur schauen",
            "mein Partner wollte eine andere Marke",
            "es ist zu viel Plastik drum herum",
            "ich hatte keine Tasche dabei und keine Hand frei",
            "die Schlange war zu lang",
        ),
        "es": (
            "todavía me queda en casa",
            "solo quería mirar",
            "mi pareja quería otra marca",
            "lleva demasiado plástico",
            "olvidé la bolsa y no tenía manos libres",
            "había demasiada cola",
        ),
        "ja": (
            "家にまだ残っています",
            "見ていただけです",
            "家族が別のメーカーを希望しました",
            "プラスチックの包装が多すぎます",
            "袋を忘れて手がふさがっていました",
            "レジの列が長すぎました",
        ),
    },
}


def sentence(reason: str, language: str, rng: np.random.Generator) -> str:
    """An answer: a remark on the reason, alone or with a beginning, an end or both."""
    remark = str(rng.choice(REMARKS[reason][language]))
    stop = JOINERS[language]
    if rng.random() < _PLAIN_SHARE:
        return remark + (stop if rng.random() < _PLAIN_SHARE else "")
    opening = str(rng.choice(("", *OPENINGS[language])))
    ending = str(rng.choice(("", *ENDINGS[language])))
    first = opening + remark
    return first[0].upper() + first[1:] + stop + ending
