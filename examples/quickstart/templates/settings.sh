# Made from templates/settings.sh.
greeting='${local_value.settings.output.greeting}'
interval='${var.interval}'
