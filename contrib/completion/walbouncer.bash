# bash completion for walbouncer
#
# Nothing but bash is needed.  zsh takes it after
#	autoload -Uz bashcompinit && bashcompinit

_walbouncer()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}

	# "--config=FILE" comes as three words
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	COMPREPLY=()
	case $prev in
		-c | --config)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			;;
		-h | --host)
			mapfile -t COMPREPLY < <(compgen -A hostname -- "$cur")
			;;
		-C)
			# as the program itself has them
			mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" --describe-config 2>/dev/null | cut -f1)" -- "$cur")
			;;
		-p | --port | -P | --masterport | --upstream-port | --rescope) ;;
		*)
			mapfile -t COMPREPLY < <(compgen -W '-c --config -p --port -h --host -P --masterport
				--upstream-port -v --verbose --check -C --describe-config --rescope -V --version -? --help' -- "$cur")
			;;
	esac
}

complete -o filenames -F _walbouncer walbouncer
