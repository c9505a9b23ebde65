"""The words of `reports_en` in Spanish."""

WORDS = {
    "role.bi": "solo tablas publicadas",
    "look.title": "Tres cosas que mirar hoy",
    "look.title.fewer": "Para mirar hoy",
    "look.affected": "cerca de {n} cliente al día lo encuentra|cerca de {n} clientes al día lo "
    "encuentran",
    "look.affected.few": "a cuántos clientes afecta no se muestra: menos de {k} visitas",
    "look.trigger": "{name}: una regla ha encontrado algo",
    "look.trigger.act": "Decidir",
    "look.empty": "{name}: el estante está vacío",
    "look.empty.act": "Ver dónde está",
    "look.low": "{name}: el estante está casi vacío",
    "look.low.act": "Ver dónde está",
    "look.answers": "{name}: quienes respondieron le dan una nota baja",
    "look.answers.act": "Leer las respuestas",
    "look.answers.rate": "{value} de 5 ({low} a {high}), {n} notas",
    "look.answers.choice": "lo más nombrado: {choice}",
    "look.camera": "La cámara {name} no cuenta nada",
    "look.camera.act": "Ver la cámara",
    "look.since": "desde {when}",
    "look.rejected": "rechazado en {value} de {n} manejos ({interval})",
    "look.none.title": "Nada le necesita en este momento",
    "look.none.text": "Ningún aviso está abierto, ningún estante consta como vacío o casi vacío, "
    "ninguna cámara ha fallado y ningún artículo tiene con certeza una nota baja. Lo que no "
    "se pudo "
    "distinguir no cuenta aquí.",
    "look.none.unclear": "De {n} manejos no se pudo distinguir el {share}.",
    "look.none.withheld": "{n} artículo tiene demasiado pocas visitas para decir algo.|{n} "
    "artículos "
    "tienen demasiado pocas visitas para decir algo.",
    "look.how": "Ordenado por cuántos clientes lo encuentran y lo seguro que es.",
    "report.title": "Informe",
    "report.open": "Informe de una página",
    "report.made": "Hecho el {when}",
    "report.simulated": "Datos simulados: {share}",
    "report.figures": "Cifras clave",
    "report.figure": "Cifra",
    "report.value": "Valor",
    "report.range": "Intervalo del 95 %",
    "report.n": "n",
    "report.coverage": "Rostro legible",
    "report.items.worst": "Los más rechazados",
    "report.items.best": "Los menos rechazados",
    "report.item": "Artículo",
    "report.rejected": "Rechazado",
    "report.unclear": "No se distinguió",
    "report.rank": "Probabilidad de estar entre los {n} peores",
    "report.rank.best": "Probabilidad de estar entre los {n} mejores",
    "report.rank.note": "La probabilidad dice lo seguro que es el puesto: antes de ordenar, las "
    "cuotas se acercan entre sí dentro de la categoría.",
    "report.items.none": "Ningún artículo tiene {k} visitas en estos días.",
    "report.map": "Dónde se rechazan artículos",
    "report.map.note": "Más oscuro: rechazado más a menudo. Rayado: menos de {k} visitas.",
    "report.map.none": "Ningún lugar del estante está en el plano.",
    "report.triggers": "Avisos",
    "report.triggers.count": "{opened} abiertos en estos días, {open} siguen abiertos.",
    "report.surveys": "Respuestas",
    "report.surveys.none": "Ningún artículo tiene todavía {k} respuestas.",
    "report.answers": "{n} respuesta|{n} respuestas",
    "report.answers.note": "Quien responde lo ha elegido: otros pueden pensar distinto.",
    "report.stock": "En el estante",
    "report.stock.off": "Ninguna cámara vigila el nivel de los estantes.",
    "report.stock.none": "Nada está vacío ni casi vacío, por lo que se pudo distinguir.",
    "report.stock.gone": "{name}: había en el {share} del tiempo visto ({low} a {high})",
    "report.fine": "Las cifras por debajo de {k} visitas no se muestran. Nada aquí muestra a una "
    "persona: no se guarda ninguna imagen. Un intervalo contiene la cuota verdadera 95 de "
    "cada 100 "
    "veces.",
    "report.mail.title": "{site}: informe del {day}",
    "report.mail.none": "Nada le necesita en este momento.",
    "report.mail.more": "La página entera: {url}",
}
