import { z } from 'zod'
import { actionId, byType, confirm, dispatchActionConfig, option, plain, slackFile, url } from './objects.ts'
import { richText } from './rich-text.ts'

// Block elements: https://docs.slack.dev/reference/block-kit/block-elements

const common = { action_id: actionId.optional(), confirm: confirm.optional(), focus_on_load: z.boolean().optional() }
const placeholder = plain(150).optional()
const menuOptions = z.array(option('plain')).min(1).max(100)
const optionGroups = z
  .array(z.strictObject({ label: plain(75), options: menuOptions }))
  .min(1)
  .max(100)

interface Menu {
  readonly options?: readonly unknown[] | undefined
  readonly option_groups?: readonly { readonly options: readonly unknown[] }[] | undefined
}

function oneSource(menu: Menu, context: z.RefinementCtx): void {
  if ((menu.options === undefined) === (menu.option_groups === undefined)) {
    context.addIssue({ code: 'custom', message: 'must define either `options` or `option_groups`' })
  }
}

function amongOptions(
  field: string,
  chosen: readonly unknown[] | undefined,
  menu: Menu,
  context: z.RefinementCtx,
): void {
  const offered = [...(menu.options ?? []), ...(menu.option_groups ?? []).flatMap((group) => group.options)]
  const known = new Set(offered.map((entry) => JSON.stringify(entry)))
  for (const entry of chosen ?? []) {
    if (!known.has(JSON.stringify(entry))) {
      context.addIssue({ code: 'custom', message: `${field} must match one of the options`, path: [field] })
    }
  }
}

const button = z.strictObject({
  type: z.literal('button'),
  text: plain(75),
  action_id: actionId.optional(),
  confirm: confirm.optional(),
  value: z.string().max(2000).optional(),
  url: url.optional(),
  style: z.enum(['primary', 'danger']).optional(),
  accessibility_label: z.string().max(75).optional(),
})

const image = z
  .strictObject({
    type: z.literal('image'),
    alt_text: z.string().min(1).max(2000),
    image_url: url.optional(),
    slack_file: slackFile.optional(),
  })
  .refine((one) => (one.image_url === undefined) !== (one.slack_file === undefined), {
    message: 'must define either `image_url` or `slack_file`',
  })

const staticSelect = z
  .strictObject({
    type: z.literal('static_select'),
    ...common,
    placeholder,
    options: menuOptions.optional(),
    option_groups: optionGroups.optional(),
    initial_option: option('plain').optional(),
  })
  .superRefine((one, context) => {
    oneSource(one, context)
    amongOptions('initial_option', one.initial_option === undefined ? [] : [one.initial_option], one, context)
  })

const multiStaticSelect = z
  .strictObject({
    type: z.literal('multi_static_select'),
    ...common,
    placeholder,
    options: menuOptions.optional(),
    option_groups: optionGroups.optional(),
    initial_options: z.array(option('plain')).optional(),
    max_selected_items: z.int().min(1).optional(),
  })
  .superRefine((one, context) => {
    oneSource(one, context)
    amongOptions('initial_options', one.initial_options, one, context)
  })

const choice = (type: 'checkboxes' | 'radio_buttons') =>
  z
    .strictObject({
      type: z.literal(type),
      ...common,
      options: z.array(option('any')).min(1).max(10),
      ...(type === 'checkboxes'
        ? { initial_options: z.array(option('any')).min(1).optional() }
        : { initial_option: option('any').optional() }),
    })
    .superRefine((one, context) => {
      const chosen =
        'initial_options' in one ? one.initial_options : 'initial_option' in one ? [one.initial_option] : undefined
      amongOptions(
        type === 'checkboxes' ? 'initial_options' : 'initial_option',
        Array.isArray(chosen) ? chosen.filter((entry) => entry !== undefined) : [],
        one,
        context,
      )
    })

const overflow = z.strictObject({
  type: z.literal('overflow'),
  action_id: actionId.optional(),
  confirm: confirm.optional(),
  options: z.array(option('plain', true)).min(1).max(5),
})

const plainTextInput = z
  .strictObject({
    type: z.literal('plain_text_input'),
    action_id: actionId.optional(),
    placeholder,
    initial_value: z.string().max(3000).optional(),
    multiline: z.boolean().optional(),
    min_length: z.int().min(0).max(3000).optional(),
    max_length: z.int().min(1).max(3000).optional(),
    dispatch_action_config: dispatchActionConfig.optional(),
    focus_on_load: z.boolean().optional(),
  })
  .refine((one) => one.min_length === undefined || one.max_length === undefined || one.min_length <= one.max_length, {
    message: '`min_length` must not be greater than `max_length`',
  })

const entitySelect = (type: string, initial: string) =>
  z.strictObject({ type: z.literal(type), ...common, placeholder, [initial]: z.string().optional() })
const multiEntitySelect = (type: string, initial: string) =>
  z.strictObject({
    type: z.literal(type),
    ...common,
    placeholder,
    [initial]: z.array(z.string()).optional(),
    max_selected_items: z.int().min(1).optional(),
  })

const datepicker = z.strictObject({
  type: z.literal('datepicker'),
  ...common,
  placeholder,
  initial_date: z
    .string()
    .regex(/^\d{4}-\d{2}-\d{2}$/)
    .optional(),
})
const timepicker = z.strictObject({
  type: z.literal('timepicker'),
  ...common,
  placeholder,
  initial_time: z
    .string()
    .regex(/^\d{2}:\d{2}$/)
    .optional(),
  timezone: z.string().optional(),
})
const datetimepicker = z.strictObject({
  type: z.literal('datetimepicker'),
  ...common,
  initial_date_time: z.int().optional(),
})

const numberInput = z.strictObject({
  type: z.literal('number_input'),
  action_id: actionId.optional(),
  is_decimal_allowed: z.boolean(),
  initial_value: z.string().optional(),
  min_value: z.string().optional(),
  max_value: z.string().optional(),
  dispatch_action_config: dispatchActionConfig.optional(),
  focus_on_load: z.boolean().optional(),
  placeholder,
})
const emailOrUrlInput = (type: string) =>
  z.strictObject({
    type: z.literal(type),
    action_id: actionId.optional(),
    initial_value: z.string().optional(),
    dispatch_action_config: dispatchActionConfig.optional(),
    focus_on_load: z.boolean().optional(),
    placeholder,
  })
const richTextInput = z.strictObject({
  type: z.literal('rich_text_input'),
  action_id: actionId,
  initial_value: richText.optional(),
  dispatch_action_config: dispatchActionConfig.optional(),
  focus_on_load: z.boolean().optional(),
  placeholder,
})

const iconButton = z.strictObject({
  type: z.literal('icon_button'),
  icon: z.enum(['trash']),
  text: plain(75),
  action_id: actionId.optional(),
  value: z.string().max(2000).optional(),
  confirm: confirm.optional(),
  accessibility_label: z.string().max(75).optional(),
  visible_to_user_ids: z.array(z.string()).max(10).optional(),
})
const feedbackButton = z.strictObject({
  text: plain(75),
  value: z.string().max(2000),
  accessibility_label: z.string().max(75).optional(),
})
const feedbackButtons = z.strictObject({
  type: z.literal('feedback_buttons'),
  action_id: actionId.optional(),
  positive_button: feedbackButton,
  negative_button: feedbackButton,
})

const menus = {
  static_select: staticSelect,
  multi_static_select: multiStaticSelect,
  users_select: entitySelect('users_select', 'initial_user'),
  multi_users_select: multiEntitySelect('multi_users_select', 'initial_users'),
  conversations_select: entitySelect('conversations_select', 'initial_conversation'),
  multi_conversations_select: multiEntitySelect('multi_conversations_select', 'initial_conversations'),
  channels_select: entitySelect('channels_select', 'initial_channel'),
  multi_channels_select: multiEntitySelect('multi_channels_select', 'initial_channels'),
}
const pickers = { datepicker, timepicker, datetimepicker }
const choices = { checkboxes: choice('checkboxes'), radio_buttons: choice('radio_buttons') }

export const imageElement = image
export const cardButton = button
export const accessory = byType({ button, image, overflow, ...choices, ...menus, datepicker, timepicker })
export const actionElement = byType({
  button,
  overflow,
  ...choices,
  ...menus,
  ...pickers,
  rich_text_input: richTextInput,
})
export const inputElement = byType({
  plain_text_input: plainTextInput,
  number_input: numberInput,
  email_text_input: emailOrUrlInput('email_text_input'),
  url_text_input: emailOrUrlInput('url_text_input'),
  rich_text_input: richTextInput,
  ...choices,
  ...menus,
  ...pickers,
})
export const contextAction = byType({ icon_button: iconButton, feedback_buttons: feedbackButtons })
