import type { App } from '@slack/bolt'
import type { ModalView } from '@slack/types'

// The app is written as in Slack's documentation for Bolt: nothing in it knows of the sandbox but its API address.

const button = {
  type: 'button',
  text: { type: 'plain_text', text: 'Approve' },
  action_id: 'approve',
  value: 'run_42',
} as const
const dialog: ModalView = {
  type: 'modal',
  callback_id: 'rollback',
  title: { type: 'plain_text', text: 'Roll back' },
  submit: { type: 'plain_text', text: 'Roll back' },
  blocks: [
    {
      type: 'input',
      block_id: 'reason',
      label: { type: 'plain_text', text: 'Why?' },
      element: { type: 'plain_text_input', action_id: 'text' },
    },
    {
      type: 'input',
      block_id: 'contact',
      optional: true,
      label: { type: 'plain_text', text: 'Who watches?' },
      element: { type: 'users_select', action_id: 'user' },
    },
  ],
}

export function describeApp(app: App): void {
  app.command('/billing', async ({ command, ack, client, respond }) => {
    if (command.text === 'help') return ack('Usage: /billing deploy VERSION')
    await ack()
    if (command.text === 'rollback')
      return void (await client.views.open({ trigger_id: command.trigger_id, view: dialog }))
    if (command.text === 'whisper') return void (await respond({ text: 'only you', response_type: 'ephemeral' }))
    await client.chat.postMessage({
      channel: command.channel_id,
      text: `${command.user_name} asks for ${command.text}`,
      blocks: [
        { type: 'section', text: { type: 'mrkdwn', text: `*${command.text}*` } },
        { type: 'actions', elements: [button] },
      ],
    })
  })
  app.action('approve', async ({ ack, body, client, respond }) => {
    await ack()
    if (body.type !== 'block_actions' || body.message === undefined) return
    await client.chat.update({ channel: body.channel!.id, ts: body.message.ts, text: `approved by ${body.user.name}` })
    await respond({ text: 'thank you', response_type: 'ephemeral', replace_original: false })
  })
  app.view('rollback', async ({ ack, view }) => {
    const reason = view.state.values.reason?.text?.value ?? ''
    if (reason === 'because') return ack({ response_action: 'errors', errors: { reason: 'Say more.' } })
    const who = view.state.values.contact?.user?.selected_user
    await ack({
      response_action: 'update',
      view: {
        type: 'modal',
        title: { type: 'plain_text', text: 'Rolling back' },
        blocks: [{ type: 'section', text: { type: 'mrkdwn', text: `${reason}; <@${who}> watches` } }],
      },
    })
  })
  app.event('app_home_opened', async ({ event, client }) => {
    await client.views.publish({
      user_id: event.user,
      view: { type: 'home', blocks: [{ type: 'header', text: { type: 'plain_text', text: 'Environments' } }] },
    })
  })
}
