import { setImmediate as nextTurn } from 'node:timers/promises'

/** So many take a few milliseconds. */
const atATime = 2_000

/**
 * Reads what git printed, one record after the other, each up to its separator. A large repository has hundreds of thousands
 * of them, so others have a turn in between. Records of which nothing is read are left out.
 */
export async function records<T>(
  printed: Buffer,
  separator: '\0' | '\n',
  read: (record: string) => T | undefined,
): Promise<readonly T[]> {
  const all: T[] = []
  for (let at = 0, count = 1; at < printed.length; count += 1) {
    const end = printed.indexOf(separator, at)
    const one = read(printed.toString('utf8', at, end < 0 ? printed.length : end))
    if (one !== undefined) all.push(one)
    at = end < 0 ? printed.length : end + 1
    if (count % atATime === 0) await nextTurn()
  }
  return all
}
