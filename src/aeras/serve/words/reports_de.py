"""The words of `reports_en` in German."""

WORDS = {
    "role.bi": "nur veröffentlichte Tabellen",
    "look.title": "Drei Dinge, die Sie heute ansehen sollten",
    "look.title.fewer": "Heute ansehen",
    "look.affected": "etwa {n} Kunde am Tag begegnet dem|etwa {n} Kunden am Tag begegnen dem",
    "look.affected.few": "wie viele Kunden es betrifft, wird nicht gezeigt: weniger als {k} "
    "Besuche",
    "look.trigger": "{name}: eine Regel hat etwas gefunden",
    "look.trigger.act": "Entscheiden",
    "look.empty": "{name}: das Regal ist leer",
    "look.empty.act": "Zeigen, wo es steht",
    "look.low": "{name}: das Regal ist fast leer",
    "look.low.act": "Zeigen, wo es steht",
    "look.answers": "{name}: wer antwortet, bewertet es niedrig",
    "look.answers.act": "Antworten lesen",
    "look.answers.rate": "{value} von 5 ({low} bis {high}), {n} Bewertungen",
    "look.answers.choice": "am häufigsten genannt: {choice}",
    "look.camera": "Kamera {name} zählt nichts",
    "look.camera.act": "Kamera ansehen",
    "look.since": "seit {when}",
    "look.rejected": "abgelehnt bei {value} von {n} Handgriffen ({interval})",
    "look.none.title": "Im Augenblick braucht nichts Ihre Aufmerksamkeit",
    "look.none.text": "Kein Auslöser ist offen, kein Regal wird als leer oder fast leer gemeldet, "
    "keine Kamera ist ausgefallen, und kein Artikel ist sicher niedrig bewertet. Was sich nicht "
    "sagen ließ, gehört nicht dazu.",
    "look.none.unclear": "Von {n} Handgriffen ließen sich {share} nicht deuten.",
    "look.none.withheld": "{n} Artikel hat zu wenige Besuche für eine Aussage.|{n} Artikel "
    "haben zu "
    "wenige Besuche für eine Aussage.",
    "look.how": "Geordnet danach, wie vielen Kunden es begegnet und wie sicher es ist.",
    "report.title": "Bericht",
    "report.open": "Bericht auf einer Seite",
    "report.made": "Erstellt {when}",
    "report.simulated": "Simulierte Daten: {share}",
    "report.figures": "Kennzahlen",
    "report.figure": "Kennzahl",
    "report.value": "Wert",
    "report.range": "95-%-Bereich",
    "report.n": "n",
    "report.coverage": "Gesicht lesbar",
    "report.items.worst": "Am meisten abgelehnt",
    "report.items.best": "Am wenigsten abgelehnt",
    "report.item": "Artikel",
    "report.rejected": "Abgelehnt",
    "report.unclear": "Nicht zu deuten",
    "report.rank": "Chance, unter den {n} schlechtesten zu sein",
    "report.rank.best": "Chance, unter den {n} besten zu sein",
    "report.rank.note": "Die Chance sagt, wie sicher der Rang ist: Die Anteile werden vor dem "
    "Ordnen "
    "innerhalb der Warengruppe einander angenähert.",
    "report.items.none": "Kein Artikel hat in diesen Tagen {k} Besuche.",
    "report.map": "Wo Artikel abgelehnt werden",
    "report.map.note": "Dunkler: öfter abgelehnt. Schraffiert: weniger als {k} Besuche.",
    "report.map.none": "Kein Regalplatz hat einen Ort auf dem Plan.",
    "report.triggers": "Auslöser",
    "report.triggers.count": "{opened} in diesen Tagen geöffnet, {open} sind jetzt offen.",
    "report.surveys": "Antworten",
    "report.surveys.none": "Noch kein Artikel hat {k} Antworten.",
    "report.answers": "{n} Antwort|{n} Antworten",
    "report.answers.note": "Wer antwortet, hat sich dafür entschieden: andere denken vielleicht "
    "anders.",
    "report.stock": "Im Regal",
    "report.stock.off": "Keine Kamera beobachtet die Füllung der Regale.",
    "report.stock.none": "Nichts ist leer oder fast leer, soweit es sich sagen ließ.",
    "report.stock.gone": "{name}: in {share} der gesehenen Zeit vorhanden ({low} bis {high})",
    "report.fine": "Zahlen unter {k} Besuchen werden nicht gezeigt. Nichts hier zeigt eine "
    "Person: es "
    "wird kein Bild aufgehoben. Ein Bereich enthält den wahren Anteil in 95 von 100 Fällen.",
    "report.mail.title": "{site}: Bericht vom {day}",
    "report.mail.none": "Im Augenblick braucht nichts Ihre Aufmerksamkeit.",
    "report.mail.more": "Die ganze Seite: {url}",
}
