// Block Kit as it reaches the page. The simulator has checked it against Slack's rules, so only what is drawn is named.

export interface Text {
  readonly type: 'plain_text' | 'mrkdwn' | 'rich_text'
  readonly text: string
}

export interface Option {
  readonly value: string
  readonly text: Text
  readonly description?: Text
}

export interface Confirm {
  readonly title: Text
  readonly text: Text
  readonly confirm: Text
  readonly deny: Text
  readonly style?: 'primary' | 'danger'
}

export interface Element {
  readonly type: string
  readonly action_id?: string
  readonly text?: Text
  readonly value?: string
  readonly url?: string
  readonly style?: string
  readonly confirm?: Confirm
  readonly accessibility_label?: string
  readonly placeholder?: Text
  readonly options?: readonly Option[]
  readonly option_groups?: readonly { readonly label: Text; readonly options: readonly Option[] }[]
  readonly initial_option?: Option
  readonly initial_options?: readonly Option[]
  readonly initial_value?: string
  readonly initial_date?: string
  readonly initial_time?: string
  readonly initial_date_time?: number
  readonly initial_user?: string
  readonly initial_users?: readonly string[]
  readonly initial_channel?: string
  readonly initial_conversation?: string
  readonly multiline?: boolean
  readonly max_length?: number
  readonly is_decimal_allowed?: boolean
  readonly focus_on_load?: boolean
  readonly image_url?: string
  readonly slack_file?: { readonly url?: string }
  readonly alt_text?: string
  readonly positive_button?: { readonly text: Text; readonly value: string }
  readonly negative_button?: { readonly text: Text; readonly value: string }
}

export interface TaskCard {
  readonly task_id: string
  readonly title: string
  readonly status?: 'pending' | 'in_progress' | 'complete' | 'error'
  readonly details?: Block
  readonly output?: Block
  readonly sources?: readonly { readonly url: string; readonly text: string }[]
}

export interface Cell {
  readonly type: 'raw_text' | 'raw_number' | 'rich_text'
  readonly text?: string
  readonly value?: number
  readonly elements?: readonly unknown[]
}

export interface Block {
  readonly type: string
  readonly block_id?: string
  readonly text?: Text & string
  readonly level?: number
  readonly fields?: readonly Text[]
  readonly accessory?: Element
  readonly element?: Element
  readonly elements?: readonly (Element & Block)[]
  readonly label?: Text
  readonly hint?: Text
  readonly optional?: boolean
  readonly dispatch_action?: boolean
  readonly title?: Text & string
  readonly rich_text_title?: Block
  readonly subtitle?: Text
  readonly body?: Text
  readonly subtext?: Text
  readonly actions?: readonly Element[]
  readonly hero_image?: Element
  readonly caption?: string
  readonly rows?: readonly (readonly Cell[])[]
  readonly column_settings?: readonly ({
    readonly align?: 'left' | 'center' | 'right'
    readonly is_wrapped?: boolean
  } | null)[]
  readonly tasks?: readonly TaskCard[]
  readonly default_collapsed?: boolean
  readonly child_blocks?: readonly Block[]
}
