import { useMemo } from 'react'
import type { PageChannel, PageState } from '../page-state.ts'
import type { Surroundings } from './blocks/surroundings.ts'
import type { Theme } from './stored.ts'

export function useSurroundingsOf(state: PageState, theme: Theme): Surroundings {
  const { users, channels, userGroups } = state
  // Channels change with every message; what blocks need of them does not.
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
