/** Shells that a script can be printed for. */
export const shells = ["bash", "zsh", "fish"] as const;

/** A shell of these. */
export type Shell = (typeof shells)[number];

/**
 * What makes a shell ask this command for words to complete. All that is known about them stands in `complete.ts`: a script is as good
 * after an update as before.
 */
export const completionScripts: Readonly<Record<Shell, string>> = {
  // Bash cuts words at ":" and "=", which ids and options may hold, and wants only what follows the last of them. COMP_WORDS has
  // the pieces; the line is whole.
  bash: `_escapement() {
  local line="\${COMP_LINE:0:COMP_POINT}" current cut reply
  COMPREPLY=()
  current="\${line##*[[:blank:]]}"
  cut="\${current%"\${current##*[:=]}"}"
  while IFS= read -r reply; do
    COMPREPLY+=("\${reply#"$cut"}")
  done < <(escapement complete-words --line "$line" 2>/dev/null)
}
complete -o default -F _escapement escapement
`,
  zsh: `#compdef escapement
_escapement() {
  local -a replies
  replies=("\${(@f)$(escapement complete-words --line "\${(j: :)words[1,CURRENT]}" 2>/dev/null)}")
  if [[ -n "$replies" ]]; then compadd -- "\${replies[@]}"; else _files; fi
}
if [[ "\${funcstack[1]}" == _escapement ]]; then _escapement "$@"; else compdef _escapement escapement; fi
`,
  fish: `function __escapement_complete
  set -l line (commandline -cp)
  escapement complete-words --line "$line" 2>/dev/null
end
complete -c escapement -a '(__escapement_complete)'
`,
};
