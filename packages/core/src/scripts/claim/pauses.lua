-- What is paused does not start: neither this node's lanes, nor runs of jobs in them.

-- The lanes among these that no pause holds, and those of which only runs by force may start.
local function without_paused(found)
  local names, open = { 'all', 'node:' .. arg.node }, {}
  for _, lane in ipairs(found) do
    lane.queue, lane.task = string.match(lane.name, '^(.-)@(.+)$')
    names[#names + 1] = 'queue:' .. lane.queue
    names[#names + 1] = 'task:' .. lane.task
  end
  look_at_pauses(names)
  for _, lane in ipairs(found) do
    local name
    for _, one in ipairs({ 'all', 'node:' .. arg.node, 'queue:' .. lane.queue, 'task:' .. lane.task }) do
      if pause_seen[one] then name = name or one end
    end
    if name then note_pause(name, now) else open[#open + 1] = lane end
    -- What was asked for by force starts all the same, but not on a node that is paused.
    if name and lane.head < FORCED_BELOW and not pause_seen['node:' .. arg.node] then
      lane.by_force = true
      open[#open + 1] = lane
    end
  end
  return open
end

-- Looks at the pauses of the jobs of these runs, in one go.
local function look_at_jobs(runs, records)
  local names, seen = {}, {}
  for _, run in ipairs(runs) do
    local job = job_of(run)
    if job and records[run] and not seen[job] then
      seen[job] = true
      add_pauses_of_job(names, job, records[run])
    end
  end
  if #names > 0 then look_at_pauses(names) end
end

-- Whether a job's run is held back by a pause of the job or one of its tags; `fires`: or one that came due under a pause that is just over.
local function is_paused(run, job, record, fires)
  local name = pause_of_job(job, record) or (fires and pause_just_over(job, record))
  if not name then return false end
  redis.call('ZADD', key.paused, 0, run)
  note_paused_job(job, name, now)
  return true
end
