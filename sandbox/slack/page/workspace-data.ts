import { useMemo } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import type { WorkspaceData } from './blocks/contexts.ts'
import type { Theme } from './stored.ts'

export function useWorkspaceData(state: PageState, theme: Theme): WorkspaceData {
  const { users, channels, userGroups } = state
  // A channel changes with every message. Blocks need only its name and kind, so they render again only when these change.
  const rooms = JSON.stringify(channels.map(({ id, name, kind }) => ({ id, name, kind, messages: [] })))
  return useMemo(() => {
    const known = JSON.parse(rooms) as readonly PageChannel[]
    return {
      users,
      userGroups,
      channels: known,
      theme,
      names: (id: string) =>
        users.find((user) => user.id === id)?.realName ??
        known.find((channel) => channel.id === id)?.name ??
        userGroups.find((group) => group.id === id)?.handle,
    }
  }, [users, rooms, userGroups, theme])
}
