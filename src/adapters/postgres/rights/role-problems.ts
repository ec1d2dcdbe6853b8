import { counted } from '../../../text.ts'
import type { LeftOut, MissingRight } from './port.ts'
import type { OwnerFacts, RoleFacts } from './role-facts.ts'

/** Lists what keeps the user from dumping everything, each with the SQL that lets it. Pure. */
export function backupProblems(facts: RoleFacts): readonly MissingRight[] {
  const { user, unreadable, unreadableCount, closed, hidden, largeObjectOwners } = facts
  if (facts.superuser) return []
  const readAll = `grant pg_read_all_data to ${user}`
  const [table] = unreadable
  const problems: MissingRight[] = []
  if (closed.length > 0) problems.push({ what: `${user} can't use schema ${closed.join(', ')}`, mend: readAll })
  if (table !== undefined)
    problems.push({ what: `${user} can't read ${table}${andMore(unreadableCount)}`, mend: readAll })
  if (hidden[0] !== undefined)
    problems.push({
      what: `row level security hides rows of ${hidden[0]}${andMore(hidden.length)} from ${user}`,
      mend: `alter role ${user} bypassrls`,
    })
  for (const owner of largeObjectOwners)
    problems.push({
      what: `${user} can't read large objects of ${owner}`,
      mend: `grant ${owner} to ${user}`,
    })
  return problems
}

function andMore(all: number): string {
  return all > 1 ? ` and ${all - 1} more` : ''
}

/** How a backup can be tried out by this user. */
export interface Trial {
  /** Why it cannot be tried out at all. */
  readonly untried: string | undefined
  readonly withOwners: boolean
  readonly withTablespaces: boolean
  /** The kinds and names of entries that are not restored: `EXTENSION - pg_stat_statements`. */
  readonly entries: readonly string[]
  readonly leftOut: readonly LeftOut[]
}

/** Decides what a test restore restores. `elsewhere`: on another server, whose roles are others. Pure. */
export function trialOf(facts: RoleFacts, { elsewhere }: { readonly elsewhere: boolean }): Trial {
  const owners = elsewhere
    ? { what: 'owners and grants', why: 'the scratch server has other roles' }
    : ownersLeftOut(facts)
  const tablespaces = elsewhere
    ? { what: 'tablespaces', why: 'the scratch server has others' }
    : tablespacesLeftOut(facts)
  const extensions = facts.extensions.filter(({ creatable }) => !creatable)
  const needed = extensions.find(({ used, configured }) => used !== null || configured)
  const leaves = facts.superuser ? [] : facts.leaves
  return {
    untried: whyUntried(facts, needed),
    withOwners: owners === undefined,
    withTablespaces: tablespaces === undefined,
    entries: [
      ...extensions.map(({ name }) => `EXTENSION - ${name}`),
      ...leaves.map((leaf) =>
        leaf.replace(/^event trigger /, 'EVENT TRIGGER - ').replace(/^publication /, 'PUBLICATION - '),
      ),
    ],
    leftOut: [
      ...(owners === undefined ? [] : [owners]),
      ...(tablespaces === undefined ? [] : [tablespaces]),
      ...extensions.map((one) => ({ what: `extension ${one.name}`, why: whyNotCreatable(facts.user, one) })),
      ...leaves.map((what) => ({ what, why: 'only a superuser can create it' })),
    ],
  }
}

function whyUntried(
  { user, superuser, superuserOnly }: RoleFacts,
  extension: RoleFacts['extensions'][number] | undefined,
) {
  if (extension !== undefined) {
    const why = whyNotCreatable(user, extension)
    return extension.used === null
      ? `extension ${extension.name}: ${why}`
      : `${extension.used} uses extension ${extension.name}: ${why}`
  }
  return superuser || superuserOnly[0] === undefined
    ? undefined
    : `only a superuser can create ${superuserOnly.slice(0, 3).join(', ')}`
}

function whyNotCreatable(user: string, { available }: { readonly available: boolean }): string {
  return available ? `only a superuser can create it, and ${user} is none` : "it isn't installed on the server"
}

/** Tells why owners and grants cannot be restored by this user; undefined when they can. Pure. */
function ownersLeftOut(facts: RoleFacts): LeftOut | undefined {
  const { user, superuser, owners, foreignGrant, serverVersionNumber: version } = facts
  if (superuser) return undefined
  const what = 'owners and grants'
  const stranger = owners.find(({ inherits, canSet }) => !inherits || !canSet)
  if (stranger !== undefined) return { what, ...whyStranger(user, stranger, version) }
  const closed = owners.find(({ closedSchema }) => closedSchema !== null)
  if (closed !== undefined)
    return {
      what,
      why: `${closed.role} owns ${closed.example} and can't create in schema ${closed.closedSchema} of a new database`,
      mend: `alter schema ${closed.closedSchema} owner to ${closed.role}`,
    }
  if (foreignGrant !== null)
    return { what, why: `rights on ${foreignGrant} were granted by a role that does not own it` }
  return undefined
}

function tablespacesLeftOut({ user, superuser, tablespaces }: RoleFacts): LeftOut | undefined {
  const [first] = tablespaces
  if (superuser || first === undefined) return undefined
  const names = tablespaces.map((name) => name).join(', ')
  return {
    what: 'tablespaces',
    why: `${user} can't create in tablespace ${first}${andMore(tablespaces.length)}`,
    mend: `grant create on tablespace ${names} to ${user}`,
  }
}

function whyStranger(user: string, { role: owner, example, member, inherits }: OwnerFacts, version: number) {
  const grant = `grant ${owner} to ${user}`
  if (!member) return { why: `${user} isn't a member of ${owner}, who owns ${example}`, mend: `${grant}` }
  const mend = version >= 160_000 ? `${grant} with inherit true, set true` : `alter role ${user} inherit`
  const lacks = inherits ? "can't set role to it" : 'does not inherit its rights'
  return { why: `${user} is a member of ${owner}, who owns ${example}, but ${lacks}`, mend }
}

/** Tells why a whole database cannot be restored by this user beside the live one; undefined when it can. Pure. */
export function whyNotAnew(facts: RoleFacts): string | undefined {
  const { untried, leftOut } = trialOf(facts, { elsewhere: false })
  if (untried !== undefined) return untried
  const [first] = leftOut
  if (first === undefined) return undefined
  const more = leftOut.length > 1 ? `, and ${counted(leftOut.length - 1, 'more thing')}` : ''
  const mend = first.mend === undefined ? '' : ` (\`${first.mend}\`)`
  return `${first.what} could not be restored: ${first.why}${mend}${more}`
}
