export interface Challenge {
  /** In lower case: `bearer`, `basic`, `negotiate`. */
  readonly scheme: string
  /** By name in lower case. */
  readonly parameters: ReadonlyMap<string, string>
}

/*
 * `WWW-Authenticate` is a list of challenges, each a list of parameters, both divided by commas, and a server may send the header
 * several times, which comes to the same (RFC 9110, 11.6.1). So a comma is followed by a parameter, or by the next challenge.
 */

const token = /[!#$%&'*+.^_`|~\w-]+/y
const quoted = /"((?:[^"\\]|\\.)*)"/sy
/** Registries write addresses without quotes, which the standard does not allow. */
const bare = /[^\s,"]+/y
const equals = /[ \t]*=[ \t]*(?!=)/y
const gap = /[\s,]+/y
/** Nobody challenges with more; the rest is left out. */
const longest = 16 * 1024

/** Reads the challenges of a header, in their order. What cannot be read is left out. */
export function challengesIn(given: string): readonly Challenge[] {
  const header = given.slice(0, longest)
  const found: { scheme: string; parameters: Map<string, string> }[] = []
  let at = 0
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at
    const match = pattern.exec(header)
    if (match === null) return undefined
    at = pattern.lastIndex
    return match[1] ?? match[0]
  }
  while (at < header.length) {
    take(gap)
    const word = take(token)
    if (word === undefined) {
      // Neither a scheme nor a parameter: what stands here is passed over.
      if (take(bare) === undefined) at += 1
      continue
    }
    if (take(equals) === undefined) {
      found.push({ scheme: word.toLowerCase(), parameters: new Map() })
      continue
    }
    const value = take(quoted)?.replace(/\\(.)/gs, '$1') ?? take(bare) ?? ''
    const parameters = found.at(-1)?.parameters
    const name = word.toLowerCase()
    if (parameters?.has(name) === false) parameters.set(name, value)
  }
  return found
}

/** The challenge that is answered: a token says less than a password, and every registry that offers both takes it. */
export function chosenChallenge(header: string): Challenge | undefined {
  const challenges = challengesIn(header)
  return (
    challenges.find(({ scheme, parameters }) => scheme === 'bearer' && parameters.has('realm')) ??
    challenges.find(({ scheme }) => scheme === 'basic')
  )
}
