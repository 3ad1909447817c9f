import { overview } from '../api/calls'
import { Resource } from './resource.svelte'

/** The overview, shared by the frame (badge, counts) and the queue. */
export const home = new Resource(() => overview())
