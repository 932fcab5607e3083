-- Sets of jobs: whoever writes the jobs of one names it, and the version and content that the store is to be at.

-- An error to answer, or nil: others have begun to apply another version, or other jobs of the same one.
local function stale_set()
  if arg.set == '' then return nil end
  local stored = redis.call('HGET', key.sets, arg.set) or 'none'
  if stored ~= arg.mark then return refuse('STALE_JOB_SET', stored) end
  return nil
end
