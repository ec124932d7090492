# bash completion for walbouncerctl
#
# Nothing but bash is needed.  zsh takes it after
#	autoload -Uz bashcompinit && bashcompinit

_walbouncerctl_verbs='start stop restart reload status logrotate kill show top disconnect pause
	resume rescope repoint'
_walbouncerctl_views='activity alarms config databases help ring rules slots spool standbys stats
	upstream version'

# The options of a verb; of none, those that may stand before it.
_walbouncerctl_options()
{
	local which='-c --config --pid-file' wait='-t --timeout -w --wait -W --no-wait -s --silent'
	local connection='-h --host -p --port -U --username'

	case $1 in
		start) echo "-c --config -l --log -o --options -p $wait" ;;
		restart) echo "-c --config -l --log -o --options -p -m --mode $wait" ;;
		stop) echo "$which -m --mode $wait" ;;
		reload) echo "$which $connection -s --silent" ;;
		status) echo "$which" ;;
		logrotate) echo "$which -s --silent" ;;
		kill) ;;
		top) echo "$which $connection -i --interval -n --rounds" ;;
		repoint) echo "$which $connection -j --json -x --expanded --temporary --default" ;;
		show | disconnect | pause | resume | rescope) echo "$which $connection -j --json -x --expanded" ;;
		*) echo "$which -? --help -V --version" ;;
	esac
}

_walbouncerctl()
{
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]}
	local verb='' operands=0 i

	# "--mode=sm" comes as three words
	if [ "$cur" = = ]; then
		cur=
	elif [ "$prev" = = ]; then
		prev=${COMP_WORDS[COMP_CWORD - 2]}
	fi
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
			-c | -l | -o | -p | -m | -t | -h | -U | -i | -n) i=$((i + 1)) ;;
			--config | --pid-file | --log | --options | --mode | --timeout | --host | --port | \
				--username | --interval | --rounds)
				i=$((i + 1))
				[ "${COMP_WORDS[i]-}" != = ] || i=$((i + 1))
				;;
			-*) ;;
			*) if [ -z "$verb" ]; then verb=${COMP_WORDS[i]}; else operands=$((operands + 1)); fi ;;
		esac
	done

	COMPREPLY=()
	case $prev in
		-c | --config | --pid-file | -l | --log)
			mapfile -t COMPREPLY < <(compgen -f -- "$cur")
			return
			;;
		-h | --host)
			mapfile -t COMPREPLY < <(compgen -d -- "$cur")
			return
			;;
		-p)
			case $verb in
				start | restart) mapfile -t COMPREPLY < <(compgen -f -- "$cur") ;;
			esac
			return
			;;
		-U | --username)
			mapfile -t COMPREPLY < <(compgen -u -- "$cur")
			return
			;;
		-m | --mode)
			mapfile -t COMPREPLY < <(compgen -W 'smart fast immediate' -- "$cur")
			return
			;;
		-o | --options | -t | --timeout | --port | -i | --interval | -n | --rounds) return ;;
	esac
	case $cur in
		-*) mapfile -t COMPREPLY < <(compgen -W "$(_walbouncerctl_options "$verb")" -- "$cur") ;;
		*)
			case $verb.$operands in
				.0) mapfile -t COMPREPLY < <(compgen -W "$_walbouncerctl_verbs" -- "$cur") ;;
				kill.0) mapfile -t COMPREPLY < <(compgen -W 'ABRT HUP INT KILL QUIT TERM USR1 USR2' -- "$cur") ;;
				show.0) mapfile -t COMPREPLY < <(compgen -W "$_walbouncerctl_views" -- "$cur") ;;
			esac
			;;
	esac
}

complete -o filenames -F _walbouncerctl walbouncerctl
