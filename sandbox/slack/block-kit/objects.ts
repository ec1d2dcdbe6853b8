import { z } from 'zod'

// Composition objects of Block Kit: https://docs.slack.dev/reference/block-kit/composition-objects

export const actionId = z.string().min(1).max(255)
export const url = z
  .string()
  .max(3000)
  .refine((value) => /^(https?|mailto|slack|tel):/.test(value), 'invalid_url')

/** A choice by the `type` field; nested problems keep their place in the payload. */
export function byType(table: Readonly<Record<string, z.ZodType>>): z.ZodType {
  return z.unknown().superRefine((value, context) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      context.addIssue({ code: 'custom', message: 'must provide an object' })
      return
    }
    const type: unknown = 'type' in value ? value.type : undefined
    if (typeof type !== 'string') {
      context.addIssue({ code: 'custom', message: 'missing required field: type' })
      return
    }
    const schema = Object.hasOwn(table, type) ? table[type] : undefined
    if (schema === undefined) {
      context.addIssue({ code: 'custom', message: `unsupported type: ${type}`, path: ['type'] })
      return
    }
    const read = schema.safeParse(value, { error: slackText })
    for (const issue of read.error?.issues ?? []) {
      context.addIssue({ code: 'custom', message: issue.message, path: [...issue.path], params: factsOf(issue) })
    }
  })
}

/** What `blocks.validate` reports beside the message. */
export function factsOf(issue: z.core.$ZodIssue): Record<string, unknown> {
  if (issue.code === 'custom') return issue.params ?? {}
  if (issue.code === 'too_big') {
    return { type: issue.origin === 'string' ? 'max_length' : 'max_items', expected: issue.maximum }
  }
  if (issue.code === 'too_small') {
    return { type: issue.origin === 'string' ? 'min_length' : 'min_items', expected: issue.minimum }
  }
  if (issue.code === 'invalid_type') return { type: 'type', expected: issue.expected }
  if (issue.code === 'unrecognized_keys') return { type: 'additional_properties' }
  return { type: 'enum' }
}

/** Slack's wording; the pointer is added by the reader of the issue. */
export function slackText(issue: z.core.$ZodRawIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'missing required field'
      return `must provide ${/^[aeiou]/.test(issue.expected) ? 'an' : 'a'} ${issue.expected}`
    case 'too_big':
      if (issue.origin === 'string') return `must be less than ${Number(issue.maximum) + 1} characters`
      if (issue.origin === 'array') return `no more than ${issue.maximum} items allowed`
      return `must be less than or equal to ${issue.maximum}`
    case 'too_small':
      if (issue.origin === 'string') return `must be more than ${Number(issue.minimum) - 1} characters`
      if (issue.origin === 'array') return `must provide at least ${issue.minimum} items`
      return `must be greater than ${issue.inclusive === true ? 'or equal to ' : ''}${issue.minimum}`
    case 'unrecognized_keys':
      return `invalid additional property: ${String(issue.keys[0])}`
    case 'invalid_value':
      return issue.input === undefined ? 'missing required field' : 'must be a valid enum value'
    default:
      return issue.message ?? 'failed to match schema'
  }
}

export const plain = (max = 3000) =>
  z.strictObject({ type: z.literal('plain_text'), text: z.string().min(1).max(max), emoji: z.boolean().optional() })

export const text = (max = 3000) =>
  byType({
    plain_text: plain(max),
    mrkdwn: z.strictObject({
      type: z.literal('mrkdwn'),
      text: z.string().min(1).max(max),
      verbatim: z.boolean().optional(),
    }),
  })

export const confirm = z.strictObject({
  title: plain(100),
  text: text(300),
  confirm: plain(30),
  deny: plain(30),
  style: z.enum(['primary', 'danger']).optional(),
})

export const option = (kind: 'plain' | 'any', withUrl = false) =>
  z.strictObject({
    text: kind === 'plain' ? plain(75) : text(75),
    value: z.string().max(150),
    description: (kind === 'plain' ? plain(75) : text(75)).optional(),
    ...(withUrl ? { url: url.optional() } : {}),
  })

export const slackFile = z.strictObject({ id: z.string().optional(), url: url.optional() })

export const dispatchActionConfig = z.strictObject({
  trigger_actions_on: z
    .array(z.enum(['on_enter_pressed', 'on_character_entered']))
    .min(1)
    .optional(),
})
