import { z } from 'zod'
import { byType, url } from './objects.ts'

// https://docs.slack.dev/reference/block-kit/blocks/rich-text-block

const style = z
  .strictObject({
    bold: z.boolean().optional(),
    italic: z.boolean().optional(),
    strike: z.boolean().optional(),
    code: z.boolean().optional(),
    underline: z.boolean().optional(),
    highlight: z.boolean().optional(),
    client_highlight: z.boolean().optional(),
    unlink: z.boolean().optional(),
  })
  .optional()

const inline = byType({
  text: z.strictObject({ type: z.literal('text'), text: z.string().min(1), style }),
  link: z.strictObject({
    type: z.literal('link'),
    url,
    text: z.string().optional(),
    unsafe: z.boolean().optional(),
    style,
  }),
  emoji: z.strictObject({
    type: z.literal('emoji'),
    name: z.string().min(1),
    unicode: z.string().optional(),
    style,
  }),
  user: z.strictObject({ type: z.literal('user'), user_id: z.string().min(1), style }),
  usergroup: z.strictObject({ type: z.literal('usergroup'), usergroup_id: z.string().min(1), style }),
  channel: z.strictObject({ type: z.literal('channel'), channel_id: z.string().min(1), style }),
  broadcast: z.strictObject({ type: z.literal('broadcast'), range: z.enum(['here', 'channel', 'everyone']), style }),
  color: z.strictObject({ type: z.literal('color'), value: z.string(), style }),
  date: z.strictObject({
    type: z.literal('date'),
    timestamp: z.int(),
    format: z.string(),
    timezone: z.string().optional(),
    url: url.optional(),
    fallback: z.string().optional(),
    style,
  }),
})

const section = z.strictObject({ type: z.literal('rich_text_section'), elements: z.array(inline) })
const border = z.int().min(0).max(1).optional()

export const richText = z.strictObject({
  type: z.literal('rich_text'),
  block_id: z.string().max(255).optional(),
  elements: z.array(
    byType({
      rich_text_section: section,
      rich_text_list: z.strictObject({
        type: z.literal('rich_text_list'),
        style: z.enum(['bullet', 'ordered']),
        elements: z.array(byType({ rich_text_section: section })),
        indent: z.int().min(0).max(8).optional(),
        offset: z.int().min(0).optional(),
        border,
      }),
      rich_text_quote: z.strictObject({ type: z.literal('rich_text_quote'), elements: z.array(inline), border }),
      rich_text_preformatted: z.strictObject({
        type: z.literal('rich_text_preformatted'),
        elements: z.array(inline),
        border,
        language: z.string().optional(),
      }),
    }),
  ),
})
