/** Nobody reads more at once, and whoever sends more cannot make Purser work for it. */
const mostCharacters = 512 * 1024

/**
 * Takes out what steers a terminal (colours, cursor, titles) or turns the direction of the text, and what has no width: between
 * the letters of a secret it would hide it from every pattern, and people would still read it.
 */
export function visible(given: string): string {
  const text = given.length > mostCharacters ? `${given.slice(0, mostCharacters)}…` : given
  return steering.test(text) ? text.replace(sequences, '').replace(invisible, '') : text
}

/** Escape sequences of ECMA-48: CSI, then strings (OSC, DCS, APC, PM, SOS) with their bounded content, then the two-letter ones. */
const sequences =
  // eslint-disable-next-line no-control-regex -- These are the characters that are looked for.
  /(?:\u001b\[|\u009b)[0-?]{0,64}[ -/]{0,8}[@-~]?|(?:\u001b[\]PX^_]|[\u009d\u0090\u0098\u009e\u009f])[^\u0007\u001b\u009c]{0,2048}(?:\u0007|\u001b\\|\u009c)?|\u001b[ -/]{0,8}[0-~]?/g
/** Unicode's control and format characters (direction, no width, soft hyphen, byte order mark) but tab and line ends. */
const invisible = /(?![\t\n\r])[\p{Cc}\p{Cf}]/gu
const steering = new RegExp(invisible.source, 'u')
