# SPDX-License-Identifier: BSD-2-Clause
# bash completion of agnocast and agnocast-top

# Topics and pids are asked of the registry; without one there are none.
_agnocast_topics() { agnocast ls 2>/dev/null | awk 'NR > 1 { print $1 }'; }
_agnocast_pids() { agnocast ls processes 2>/dev/null | awk 'NR > 1 { print $1 }'; }

_agnocast_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "${COMP_WORDS[COMP_CWORD]}"); }
_agnocast_files() { mapfile -t COMPREPLY < <(compgen -f -- "${COMP_WORDS[COMP_CWORD]}"); }

# What completes the argument of the option before; false if it takes none.
_agnocast_argument()
{
	case $1:$2 in
	*:-p | *:--pid) _agnocast_words "$(_agnocast_pids)" ;;
	*:-t | *:--topic) _agnocast_words "$(_agnocast_topics)" ;;
	*:--registry | *:--lib | *:--btf | top:-i | top:-o) _agnocast_files ;;
	*:--explain) _agnocast_words "EACCES EAGAIN EBADF EEXIST EFBIG EINVAL EMFILE EMSGSIZE ENFILE ENODEV
		ENOENT ENOMEM ENOSPC EPERM SIGBUS SIGSEGV fallocate ftruncate ioctl mmap mq_open mq_receive
		mq_send munmap shm_open" ;;
	*:-m | *:--mempool | *:-M | *:--max) _agnocast_words "16M 64M 256M 1G" ;;
	*:-d | *:--duration | *:--delay | *:-n | *:--iterations) ;;
	top:--view) _agnocast_words "topics procs maps graph fails all" ;;
	top:-s | top:--sort) _agnocast_words "$(agnocast-top -s help 2>/dev/null | tr ' ' '\n' | grep -v :)" ;;
	*) return 1 ;;
	esac
}

_agnocast()
{
	local command=${COMP_WORDS[1]} i

	if [ "$COMP_CWORD" -eq 1 ]; then
		_agnocast_words "trace doctor run ls help --help --version"
		return
	fi
	# From the command to be run on, it is that command's completion.
	for ((i = 2; i < COMP_CWORD; i++)); do
		case $command:${COMP_WORDS[i]} in
		trace:-c | trace:--command | run:--) i=$((i + 1)) ;;
		run:-*) [[ ${COMP_WORDS[i]} == -[mM] || ${COMP_WORDS[i]} == --@(mempool|max|registry|lib) ]] && i=$((i + 1)); continue ;;
		run:*) ;;
		*) continue ;;
		esac
		if declare -F _command_offset >/dev/null; then _command_offset "$i"; else _agnocast_files; fi
		return
	done
	_agnocast_argument "$command" "${COMP_WORDS[COMP_CWORD - 1]}" && return
	case $command in
	trace) _agnocast_words "-a --all -p --pid -t --topic -T --time -j --json -d --duration --hold
		--btf --registry -c --command -h --help -V --version" ;;
	doctor) _agnocast_words "-p --pid -q --quiet -j --json --explain --clean -y --yes --registry
		-h --help -V --version" ;;
	run) _agnocast_words "-m --mempool -M --max --strict --prefault --registry --lib -- -h --help
		-V --version $(compgen -c -- "${COMP_WORDS[COMP_CWORD]}")" ;;
	ls) _agnocast_words "topics processes mappings -l --long -j --json --registry -h --help
		-V --version" ;;
	esac
}

_agnocast_top()
{
	_agnocast_argument top "${COMP_WORDS[COMP_CWORD - 1]}" && return
	_agnocast_words "$(agnocast-top --help 2>/dev/null | grep -oE -- '(^|[ ,[])--?[a-z][a-z-]*' |
		grep -oE -- '--?[a-z-]+' | sort -u)"
}

complete -F _agnocast agnocast
complete -F _agnocast_top agnocast-top
