import type { Lock } from '../../model/lock.ts'
import { code, mention, message, type Message, paragraph, words } from '../blocks/message.ts'
import { localTime } from '../blocks/marks.ts'

const unlock = (environment: string) => code(`/billing unlock ${environment}`)

/** Tells everybody in the channels of the environment that it is locked. */
export function lockAnnouncement(lock: Lock): Message {
  const { environment, lockedBy, reason } = lock
  return said(
    `:lock: ${mention(lockedBy)} *locked ${words(environment, 60)}*: ${words(reason, 400)}\n` +
      `No run can start or be approved there until ${lock.until === undefined ? unlock(environment) : `${ended(lock.until)}, or ${unlock(environment)}`}. Runs under way go on.`,
  )
}

/** Tells everybody that the environment is open again. `former` is the lock that is gone. */
export function unlockAnnouncement(former: Lock, by: string): Message {
  const { environment } = former
  return said(
    `:unlock: ${mention(by)} *unlocked ${words(environment, 60)}*: runs can start and be approved there again.\n` +
      `It was ${lockedSince(former)}`,
  )
}

/** Refuses because of a lock, with who locked it, when, and why. */
export function lockedRefusal(lock: Lock): Message {
  return said(
    `*${words(lock.environment, 60)}* is ${lockedSince(lock)}\nNothing was changed. ` +
      `When the reason is gone: ${unlock(lock.environment)}`,
  )
}

/** Tells everybody that a lock has ended by itself. */
export function lockEnded({ environment, lockedBy, reason }: Lock): Message {
  const text =
    `:unlock: The lock of *${words(environment, 60)}* has ended: runs can start and be approved there again.\n` +
    `${mention(lockedBy)} had locked it: ${words(reason, 400)}`
  return message(text, [paragraph(text)])
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
