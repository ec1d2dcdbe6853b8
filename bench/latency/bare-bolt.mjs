/**
 * The rival of acknowledgements and first boards: a Bolt app that acknowledges a command, and then answers or posts one message. It is
 * started as Purser is, with Slack's settings in its environment. JavaScript, so that its start compiles nothing.
 */
import { App, LogLevel } from '@slack/bolt'

const { SLACK_BOT_TOKEN, SLACK_APP_TOKEN, SLACK_SIGNING_SECRET, SLACK_API_URL, SLACK_MODE, PORT } = process.env
const common = {
  token: SLACK_BOT_TOKEN ?? '',
  logLevel: LogLevel.ERROR,
  clientOptions: { slackApiUrl: SLACK_API_URL ?? '' },
}
const app =
  SLACK_MODE === 'http'
    ? new App({ ...common, signingSecret: SLACK_SIGNING_SECRET ?? '' })
    : new App({ ...common, appToken: SLACK_APP_TOKEN ?? '', socketMode: true })

app.command('/billing', async ({ command, ack, respond, client }) => {
  await ack()
  if (command.text.startsWith('plan'))
    await client.chat.postMessage({ channel: command.channel_id, text: `Planning ${command.text}` })
  else await respond({ text: 'production: nothing is under way', response_type: 'ephemeral' })
})
await (SLACK_MODE === 'http' ? app.start({ port: Number(PORT), host: '127.0.0.1' }) : app.start())
console.log('bare Bolt: purser is ready')
