import type { Argument, Command, Option } from "commander";

/** What of a command line is to be completed. */
export interface Completion {
  /** Words that begin as what has been typed: commands, options, and values of a few. */
  readonly words: readonly string[];
  /** What else could stand here, and is known to the store only. */
  readonly kind: Kind | undefined;
  /** What has been typed of the word. */
  readonly typed: string;
  /** Values of options that stand on the line, by name: such as `namespace`. */
  readonly given: Readonly<Record<string, string>>;
}

/** Names that the store knows. */
export type Kind = "job" | "run" | "node";

/** What is completed at the end of a line, by the command tree itself. */
export function completionOf(program: Command, line: string): Completion {
  const words = wordsOf(line);
  const typed = words.pop() ?? "";
  const { command, options, given, waiting, count } = walk(program, words.slice(1));
  const known = { typed, given };
  const fitting = (texts: readonly string[]): string[] => texts.filter((text) => text.startsWith(typed));
  if (waiting !== undefined)
    return { ...known, words: fitting(valuesOf(waiting)), kind: kindOfOption(waiting) };
  if (typed.startsWith("-")) {
    const flags = [...options, ...command.createHelp().visibleOptions(command)].map(
      ({ long, short }) => long ?? short ?? "",
    );
    return { ...known, words: [...new Set(fitting(flags))].sort(), kind: undefined };
  }
  const names = count > 0 ? [] : namesOf(command);
  const argument = command.registeredArguments[count];
  return {
    ...known,
    words: fitting([...names, ...valuesOf(argument)]),
    kind: kindOfArgument(command, argument),
  };
}

interface Place {
  readonly command: Command;
  /** Options of the commands above. */
  readonly options: readonly Option[];
  readonly given: Readonly<Record<string, string>>;
  /** The option whose value comes next. */
  readonly waiting: Option | undefined;
  /** Arguments so far. */
  readonly count: number;
}

function walk(program: Command, words: readonly string[]): Place {
  let command = program;
  const options: Option[] = [];
  const given: Record<string, string> = {};
  let waiting: Option | undefined;
  let count = 0;
  for (const word of words) {
    if (waiting !== undefined) {
      given[waiting.attributeName()] = word;
      waiting = undefined;
    } else if (word.startsWith("-")) {
      const [flag = "", ...value] = word.split("=");
      const option = [...command.options, ...options].find(
        ({ long, short }) => flag === long || flag === short,
      );
      if (option === undefined || option.isBoolean()) continue;
      if (value.length > 0) given[option.attributeName()] = value.join("=");
      else waiting = option;
    } else {
      const below =
        count > 0
          ? undefined
          : command.commands.find((one) => one.name() === word || one.aliases().includes(word));
      if (below === undefined) count += 1;
      else {
        options.push(...command.options);
        command = below;
      }
    }
  }
  return { command, options, given, waiting, count };
}

function namesOf(command: Command): string[] {
  return command
    .createHelp()
    .visibleCommands(command)
    .map((one) => one.name());
}

function valuesOf(of: Option | Argument | undefined): readonly string[] {
  return of?.argChoices ?? [];
}

function kindOfOption({ long }: Option): Kind | undefined {
  return long === "--job" ? "job" : long === "--node" ? "node" : undefined;
}

/** By the command's name: `job show <id>` wants a job, `run show <id>` a run, `nodes drain <id>` a node. */
function kindOfArgument(command: Command, argument: Argument | undefined): Kind | undefined {
  if (argument === undefined || !/^(ids?|job|run|node)$/.test(argument.name())) return undefined;
  const about = argument.name().startsWith("id") ? command.parent?.name() : argument.name();
  if (about === "job" || about === "run") return about;
  return about === "nodes" || about === "node" ? "node" : undefined;
}

/** The words of a line as a shell reads them, but for what it would expand; the last one is what is being typed. */
function wordsOf(line: string): string[] {
  const words = [""];
  for (const [token] of line.matchAll(/\s+|'[^']*'?|"(?:\\.|[^"\\])*"?|\\.?|[^\s'"\\]+/gsu)) {
    if (/^\s/.test(token)) words.push("");
    else words.push(`${words.pop()}${unquoted(token)}`);
  }
  return words;
}

function unquoted(token: string): string {
  if (token.startsWith("'")) return token.replaceAll("'", "");
  if (token.startsWith('"')) return token.slice(1).replace(/"$/, "").replace(/\\(.)/gsu, "$1");
  return token.startsWith("\\") ? token.slice(1) : token;
}
