import type https from 'node:https'
import { z } from 'zod'
import { knownSecrets } from '../../../outside-text/known-secrets.ts'
import { Sensitive } from '../../../sensitive.ts'

/** What the kubeconfig, its plug-ins or the pod's service account have put into a request. Tokens are renewed every hour or so. */
export function learnCredentials(server: string, { headers, auth, key, passphrase }: https.RequestOptions): void {
  const authorization = z.object({ Authorization: z.string() }).safeParse(headers).data?.Authorization
  const token = authorization?.replace(/^\S+ /, '')
  if (token !== undefined) knownSecrets.learnRenewed(`token of ${server}`, new Sensitive(token))
  if (typeof auth === 'string') knownSecrets.learn(new Sensitive(auth.slice(auth.indexOf(':') + 1)))
  for (const secret of [key, passphrase])
    if (typeof secret === 'string' || Buffer.isBuffer(secret)) knownSecrets.learn(new Sensitive(secret.toString()))
}
