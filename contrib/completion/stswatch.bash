# Completion of stswatch for bash: source this file, or put it into /usr/share/bash-completion/completions/stswatch.

_stswatch_flags() {
  local look="--config --resolver --dns-source --trust-ad --ca-file --allow-private --https-port --smtp-port --timeout"
  case $1 in
    check) echo "$look --domains-file --jobs --json --format --save --replay --explain" ;;
    generate) echo "$look --mode --max-age --rua --json --format" ;;
    lint) echo "--mx --json --batch" ;;
    health) echo "--url --ca-file --timeout" ;;
    run) echo "--config --listen --state --log-format --log-level" ;;
    "config check") echo "--run-command" ;;
    explain) echo "--all --markdown --html --table" ;;
    simulate) echo "$look --world --policy --mx --id --json" ;;
    plan) echo "$look --world --goal --mx --mode --max-age --policy --retire --key-of --next-tlsa --follow --show --drop --json" ;;
    history) echo "--config --state --json --world" ;;
    replay) echo "--config --state --json" ;;
    "store copy") echo "--from --to" ;;
    fleet) echo "--config --state --json" ;;
    "alerts test") echo "--config --receiver --all --dry-run" ;;
    "silence add") echo "--config --state --domain --code --subject --for --until --forever --all --comment" ;;
    "silence list") echo "--config --state --json" ;;
    "silence remove") echo "--config --state" ;;
    "tlsrpt ingest") echo "--config" ;;
    config | store | alerts | silence | tlsrpt) ;;
    *) echo "--version" ;;
  esac
  echo "--help"
}

# What may stand in place of an option's value; fails for a word that takes none of these.
_stswatch_value() {
  case $1 in
    --format) [[ $2 == generate ]] && echo "text zone nginx caddy dnscontrol" || echo "text json nagios" ;;
    --dns-source) echo "auto off" ;;
    --mode) echo "testing enforce none" ;;
    --log-format) echo "text json" ;;
    --log-level) echo "debug info warning error" ;;
    --rua) echo "mailto: https://" ;;
    --resolver | --https-port | --smtp-port | --timeout | --jobs | --max-age | --mx | --id | --key-of | --next-tlsa | --listen | --url | --receiver | \
      --domain | --code | --subject | --for | --until | --comment) ;;
    *) return 1 ;;
  esac
}

_stswatch() {
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]} command=${COMP_WORDS[1]} values
  [[ $COMP_CWORD -eq 1 ]] && command=
  [[ $command == @(config|store|alerts|silence|tlsrpt) ]] && [[ $COMP_CWORD -gt 2 ]] && command+=" ${COMP_WORDS[2]}"
  COMPREPLY=()
  if values=$(_stswatch_value "$before" "$command"); then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
    return
  fi
  case $before in
    --config | --ca-file | --domains-file | --replay | --state | --policy | --world | --goal | --from | --to)
      mapfile -t COMPREPLY < <(compgen -f -- "$word")
      return
      ;;
    --save)
      mapfile -t COMPREPLY < <(compgen -d -- "$word")
      return
      ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_stswatch_flags "$command")" -- "$word")
    return
  fi
  case $command in
    "") values="check lint run health generate store simulate plan history replay fleet explain alerts silence tlsrpt config" ;;
    config) values="check" ;;
    store) values="copy" ;;
    alerts) values="test" ;;
    silence) values="add list remove" ;;
    tlsrpt) values="ingest" ;;
    explain) values=$("${COMP_WORDS[0]}" explain 2>/dev/null | cut -d ' ' -f 1) ;;
    lint) [[ $COMP_CWORD -eq 2 ]] && values="sts-record policy policy-fetch mx tlsrpt-record tlsrpt-report tlsa" ;;
  esac
  if [[ -n $values ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$values" -- "$word")
  else
    mapfile -t COMPREPLY < <(compgen -f -- "$word")
  fi
}

complete -o filenames -F _stswatch stswatch
