import { InvalidTriggerError, quote } from "../invalid-trigger-error.js";

/** The languages that cronstrue speaks, under its names for them. */
export const cronstrueLocales: readonly string[] =
  "af ar az be bg ca cs da de en es fa fi fr he hr hu id it ja ko my nb nl nn pl pt_BR pt_PT ro ru sk sl sr sv sw tg th tr uk vi zh_CN zh_TW".split(
    " ",
  );

/** A language to describe in. */
export interface Language {
  /** What cronstrue calls it. */
  readonly name: string;
  /** The BCP 47 tag, for `Intl`. */
  readonly tag: string;
}

/** What is spoken where nothing else is asked for, or known. */
export const english: Language = { name: "en", tag: "en" };

/**
 * Finds the language of a BCP 47 tag: `de-AT` is German, `pt-BR` and `zh-Hant` are told from their siblings, a language
 * that cronstrue does not speak is English. `pt_BR`, as others write it, is read too.
 *
 * @throws InvalidTriggerError `INVALID_ARGUMENT` for what is no tag
 */
export function findLanguage(locale: unknown): Language {
  if (locale === undefined) return english;
  const tag = readTag(locale);
  const name = nameOf(new Intl.Locale(tag));
  return name !== "en" && cronstrueLocales.includes(name) ? { name, tag } : english;
}

function readTag(locale: unknown): string {
  // A tag for people to write; longer ones are legal but only with extensions, which say nothing here.
  if (typeof locale === "string" && locale.length <= 100) {
    try {
      const [tag] = Intl.getCanonicalLocales(locale.replaceAll("_", "-"));
      if (tag !== undefined) return tag;
    } catch {
      // Refused below.
    }
  }
  throw new InvalidTriggerError(
    "INVALID_ARGUMENT",
    `locale must be a BCP 47 tag such as "de" or "pt-BR", not ${quote(locale)}`,
    { field: "locale", value: locale },
  );
}

function nameOf(locale: Intl.Locale): string {
  const { language, region } = locale;
  switch (language) {
    case "zh":
      return locale.maximize().script === "Hant" ? "zh_TW" : "zh_CN";
    case "pt":
      return region === undefined || region === "BR" ? "pt_BR" : "pt_PT";
    case "no":
      return "nb";
    // cronstrue's "my" is Malay, which is "ms"; "my" is Burmese, which it does not speak.
    case "ms":
      return "my";
    case "my":
      return "en";
    default:
      return language;
  }
}
