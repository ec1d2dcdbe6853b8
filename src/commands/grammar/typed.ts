/*
 * What people type comes by way of phones, chats and documents: curly quotes, no-break and zero-width spaces, dashes for
 * hyphens, full-width digits, marks of formatting, and the links that Slack makes of what looks like an address. It is read
 * as it looks. Reasons are left as they were typed, for others to read.
 */

/** Slack's links: `<http://v1.2.0|v1.2.0>` is shown as its label, `<https://a.example>` as its address. */
const labelled = /<(?:https?:\/\/|mailto:|tel:)[^|<>]{0,2000}\|([^<>]{0,2000})>/g
const unlabelled = /<(?:https?:\/\/|mailto:|tel:)([^|<>]{0,2000})>/g
const invisible = /\p{Cf}|\p{Variation_Selector}|\u034f|\u115f|\u1160|\u17b4|\u17b5|\u3164|\uffa0/gu
const dashes = /[\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\ufe58\ufe63]/g
/** Quotation marks and marks of formatting, which may stand around several words. */
const marksBefore = /^["'`´‘-‟‹›«»*_~]+/
const marksBehind = /["'`´‘-‟‹›«»*_~]+$/
/** What ends a sentence. */
const stops = /[.,:!?…。、]+$/
const paired = /^(?:\((.*)\)|\[(.*)\]|\{(.*)\})$/

/** Splits a line into words at white space of every kind. */
export function wordsOf(line: string): readonly string[] {
  return line
    .replace(/([#＃])\s+(?=\p{Nd})/gu, '$1')
    .split(/\s+/)
    .filter((word) => word.replace(invisible, '') !== '')
}

/** Returns a word as it is meant: “V1.2.0”. and ｖ１.２.０ are read as v1.2.0, —dry-run as --dry-run. */
export function tidyWord(typed: string): string {
  const shown = typed.replace(labelled, '$1').replace(unlabelled, '$1')
  const plain = shown.replace(invisible, '').normalize('NFKC').trim()
  let word = dashed(plain)
  for (let before = ''; before !== word;) {
    before = word
    word = word.replace(marksBefore, '').replace(marksBehind, '')
    const inside = paired.exec(word)
    word = inside?.[1] ?? inside?.[2] ?? inside?.[3] ?? word
    word = word.replace(stops, '')
  }
  // What is nothing but marks is no word that anybody meant; it is named as it was typed.
  if (word === '') return plain
  // Phones begin a word with a capital.
  return dashed(word).replace(/^V(?=\d)/, 'v')
}

/** Phones turn two hyphens into one dash, and a hyphen into another kind of it. */
function dashed(word: string): string {
  const option = /^([\u2010-\u2015\u2043\u2212\u2e3a\u2e3b\ufe58\ufe63-]+)(?=[a-z])/i.exec(word)?.[1]
  const isOption = option !== undefined && dashes.test(option)
  dashes.lastIndex = 0
  const rest = (isOption ? word.slice(option.length) : word).replace(dashes, '-')
  return isOption ? `--${rest}` : rest
}

/** Splits a line at its first word, which is returned as it is meant; the rest stays as it was typed. */
export function firstWord(line: string): { readonly word: string; readonly rest: string } {
  const begun = line.replace(/^[\s\p{Cf}]+/u, '')
  const head = /^(?:<[^<>]{0,4000}>|\S)+/.exec(begun)?.[0] ?? ''
  return { word: wordsOf(head).map(tidyWord).join(' '), rest: begun.slice(head.length).trimEnd() }
}

/** Reads the words of a time at the beginning of a line as they are meant, and leaves the reason behind them as it was typed. */
export function tidyTime(line: string): string {
  const { word, rest } = firstWord(line)
  return /^(?:until|for|tomorrow)$|^\d/i.test(word) ? `${word} ${tidyTime(rest)}`.trimEnd() : line
}
