import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { parse } from 'yaml'
import { z } from 'zod'

const committed = fileURLToPath(new URL('../slack-manifest.yaml', import.meta.url))

const manifest = z.object({
  features: z.object({ app_home: z.object({ messages_tab_enabled: z.boolean() }) }),
  oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
})

/** What the committed slack-manifest.yaml makes of the app: the sandbox installs it as a real workspace would. */
export async function installedApp(): Promise<{ readonly messagesTab: boolean; readonly scopes: readonly string[] }> {
  const { features, oauth_config: oauth } = manifest.parse(parse(await readFile(committed, 'utf8')))
  return { messagesTab: features.app_home.messages_tab_enabled, scopes: oauth.scopes.bot }
}
