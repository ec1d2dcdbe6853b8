import type { Lock } from '../../model/lock.ts'
import { code, mention, message, type Message, paragraph, words } from '../blocks/message.ts'
import { localTime } from '../blocks/marks.ts'

const unlock = (environment: string) => code(`/billing unlock ${environment}`)

/** What a lock does, for every place that tells of one. */
export const heldByLock =
  'Deploys, restores and fixes are blocked, with their approvals and retries. Rollbacks still work, and running runs continue.'

/** Tells everybody in the channels of the environment that it is locked. */
export function lockAnnouncement(lock: Lock): Message {
  const { environment, lockedBy, reason, until } = lock
  const end = until === undefined ? '' : `It ends ${ended(until)}. `
  return said(
    `:lock: ${mention(lockedBy)} *locked ${words(environment, 60)}*: ${words(reason, 400)}\n` +
      `${heldByLock} ${end}To unlock: ${unlock(environment)}`,
  )
}

/** Tells everybody that the environment is open again. `former` is the lock that is gone. */
export function unlockAnnouncement(former: Lock, by: string): Message {
  const { environment } = former
  return said(`:unlock: ${mention(by)} *unlocked ${words(environment, 60)}*. It was ${lockedSince(former)}`)
}

/** Refuses because of a lock, with who locked it, when, and why. */
export function lockedRefusal(lock: Lock): Message {
  return said(
    `*${words(lock.environment, 60)}* is ${lockedSince(lock)}\n` +
      `Nothing changed. Rollbacks still work. To unlock: ${unlock(lock.environment)}`,
  )
}

/** Tells everybody that a lock has ended by itself. */
export function lockEnded({ environment, lockedBy, reason }: Lock): Message {
  return said(
    `:unlock: *${words(environment, 60)}* is unlocked: its lock ended.\n` +
      `${mention(lockedBy)} had locked it: ${words(reason, 400)}`,
  )
}

/** "locked by @dana until 18:00: closing the books" */
export function lockLine({ environment, lockedBy, reason, until }: Lock): string {
  const end = until === undefined ? '' : ` until ${ended(until)}`
  return `*${words(environment, 60)}* is locked by ${mention(lockedBy)}${end}: ${words(reason, 300)}`
}

function ended(until: Date): string {
  return localTime(until, '{date_short_pretty} {time}')
}

function lockedSince({ lockedBy, at, reason, until }: Lock): string {
  const end = until === undefined ? '' : ` until ${ended(until)}`
  return `locked by ${mention(lockedBy)} since ${localTime(at, '{date_short_pretty} {time}')}${end}: ${words(reason, 400)}`
}

const said = (text: string) => message(text, [paragraph(text)])
