import { type Json, SlackRefusal } from '../model.ts'
import { contentOf, writableChannel } from './chat.ts'
import { jsonArg, type Method, type MethodWorld, requiredArg, textArg } from './method.ts'

export const fileMethods: Readonly<Record<string, Method>> = {
  'files.getUploadURLExternal': {
    tier: 4,
    scope: 'files:write',
    run(args, { files, origin }) {
      const name = requiredArg(args, 'filename', 'missing_argument')
      const length = Number(textArg(args, 'length') ?? 0)
      if (!Number.isInteger(length) || length < 1) throw new SlackRefusal('missing_argument')
      const id = files.begin(name, length)
      return { file_id: id, upload_url: `${origin}/upload/v1/${id}` }
    },
  },
  'files.completeUploadExternal': { tier: 4, scope: 'files:write', run: complete },
}

function complete(args: Json, world: MethodWorld): Json {
  const { workspace, files, origin } = world
  const listed = jsonArg(args, 'files', 'invalid_arguments')
  if (!Array.isArray(listed) || listed.length === 0) throw new SlackRefusal('invalid_arguments')
  const reference = textArg(args, 'channel_id') ?? textArg(args, 'channels')?.split(',')[0]
  const channel = reference === undefined ? undefined : writableChannel(workspace, reference)
  const threadTs = textArg(args, 'thread_ts')
  const comment = textArg(args, 'initial_comment')
  const { blocks } = contentOf({ blocks: args.blocks })
  const done = listed.map((entry: { id?: unknown; title?: unknown }) =>
    files.complete(String(entry.id), typeof entry.title === 'string' ? entry.title : undefined, origin),
  )
  for (const { file, content } of done) {
    workspace.addUpload({ id: file.id, name: file.name, title: file.title, channel: channel?.id, threadTs, content })
  }
  if (channel !== undefined) {
    workspace.post({
      channel: channel.id,
      user: workspace.botUserId,
      text: comment ?? '',
      ...(blocks === undefined ? {} : { blocks }),
      files: done.map(({ file }) => file),
      ...(threadTs === undefined ? {} : { threadTs }),
    })
  }
  return { files: done.map(({ file }) => ({ id: file.id, title: file.title })) }
}
