/** What a tag of the repository names: a commit, by way of an object of its own when the tag is annotated or signed. */
export interface Tagged {
  readonly sha: string
  readonly tagObject?: string
}

/**
 * What the label `org.opencontainers.image.revision` of an image says of the commit that a tag names:
 *
 * - `same`: it names the commit, or the tag's own object, whole or by its first digits
 * - `unnamed`: it says nothing
 * - `changed`: it names the commit, with changes that were in no commit
 * - `other`: it names something else: another commit (of the base image, whose labels are inherited), or nothing that is a commit
 */
type RevisionVerdict = 'same' | 'unnamed' | 'changed' | 'other'

/** What builds write when nobody told them the commit. */
const nothing = /^(|-+|unknown|none|null|nil|undefined|n\/?a|dev|development|local|unset|not set|todo)$/i

/** The commit in a label: alone, with the word that some tools put before it, or at the end of what `git describe` prints. */
const commit =
  /^(?:(?:sha|git|commit|rev|revision)[-:@ ]|g(?=[0-9a-f])|\S+-\d+-g)?([0-9a-f]{7,64})([-+.](?:dirty|modified|broken|changed|uncommitted)\S*)?$/i

/** A label that is longer is none that a person or a tool wrote to be read. */
const longest = 300

/** Reads the commit out of a label: at least seven of its digits, in lower case, and whether it was changed since. */
export function commitIn(
  label: string | undefined,
): { readonly digits: string; readonly changed: boolean } | undefined {
  if (label === undefined || label.length > longest) return undefined
  const [, digits, changed] = commit.exec(label.trim()) ?? []
  return digits === undefined ? undefined : { digits: digits.toLowerCase(), changed: changed !== undefined }
}

export function revisionVerdict(label: string | undefined, { sha, tagObject }: Tagged): RevisionVerdict {
  if (label === undefined || nothing.test(label.trim())) return 'unnamed'
  const named = commitIn(label)
  if (named === undefined || ![sha, tagObject].some((id) => id?.startsWith(named.digits) === true)) return 'other'
  return named.changed ? 'changed' : 'same'
}

/** Cuts two ids so that people see that they differ: to seven digits, or to where the first difference is. */
export function distinct(one: string, other: string): readonly [string, string] {
  let length = 7
  while (length < 64 && one.slice(0, length) === other.slice(0, length)) length += 1
  return [one.slice(0, length), other.slice(0, length)]
}
