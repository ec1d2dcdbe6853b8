import { type Json, SlackRefusal } from '../model.ts'
import type { Files } from '../files.ts'
import type { Triggers } from '../triggers.ts'
import type { Workspace } from '../workspace.ts'

/** 1 to 4: Slack's tiers per workspace. `message`: one a second and channel. `special`: not limited here. */
export type Tier = 1 | 2 | 3 | 4 | 'message' | 'special'

export interface MethodWorld {
  readonly workspace: Workspace
  readonly triggers: Triggers
  readonly files: Files
  /** `http://127.0.0.1:PORT` */
  readonly origin: string
  /** A `ws://` address for one Socket Mode connection. */
  newSocketUrl(): string
}

export interface Method {
  readonly tier: Tier
  /** The bot scope it needs; none when left out. For some methods it depends on the kind of channel. */
  readonly scope?: string | ((args: Json, world: MethodWorld) => string)
  /** Which token it takes; the bot's when left out. */
  readonly token?: 'bot' | 'app'
  run(args: Json, world: MethodWorld): Json
}

export function textArg(args: Json, name: string): string | undefined {
  const value = args[name]
  if (value === undefined || value === null || value === '') return undefined
  return typeof value === 'string' ? value : String(value)
}

export function requiredArg(args: Json, name: string, error = 'invalid_arguments'): string {
  const value = textArg(args, name)
  if (value !== undefined) return value
  throw new SlackRefusal(error, {
    response_metadata: { messages: [`[ERROR] missing required field: ${name}`] },
  })
}

export function flagArg(args: Json, name: string): boolean {
  return args[name] === true || args[name] === 'true' || args[name] === '1'
}

/** An argument that is JSON: an object in a JSON body, a string in a form. */
export function jsonArg(args: Json, name: string, error: string): unknown {
  const value = args[name]
  if (typeof value !== 'string') return value ?? undefined
  if (value === '') return undefined
  try {
    return JSON.parse(value) as unknown
  } catch {
    throw new SlackRefusal(error)
  }
}

/** A page of a list by `limit` and `cursor`. */
export function page<T>(items: readonly T[], args: Json, most = 1000): { items: readonly T[]; metadata: Json } {
  const limit = Math.min(Number(textArg(args, 'limit') ?? 100) || 100, most)
  const start = Number(Buffer.from(textArg(args, 'cursor') ?? '', 'base64url').toString() || 0) || 0
  const end = start + limit
  const next = end < items.length ? Buffer.from(String(end)).toString('base64url') : ''
  return { items: items.slice(start, end), metadata: { next_cursor: next } }
}
