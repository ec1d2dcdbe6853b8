import type { Outsider } from './denial.ts'

/** What Slack says of somebody, as far as it decides whether they may use Purser at all. */
interface KnownPerson {
  readonly teams: readonly string[]
  readonly isStranger: boolean
  readonly isGuest: boolean
  readonly isBot: boolean
  readonly isDeactivated: boolean
}

/** Tells why somebody may not use Purser at all in the workspace `team`; undefined when they may. Pure. */
export function whyOutside(person: KnownPerson | undefined, team: string): Outsider | undefined {
  if (person === undefined) return 'unknown'
  if (person.isBot) return 'bot'
  if (person.isDeactivated) return 'deactivated'
  if (person.isStranger || !person.teams.includes(team)) return 'stranger'
  return person.isGuest ? 'guest' : undefined
}
