"""Topics of open answers in any language: embed, take the language out, cluster, label."""
