-- Whether as many runs as a job's `maxRuns` have started: then what else was materialised is taken back, and there is no next
-- fire time.
local function is_exhausted(job, record)
  local most = tonumber(extra(record, 'mr') or nil)
  if not most or tonumber(redis.call('HGET', key.counts, job) or 0) < most then return false end
  while take_back(job, record.lane, 0) == TAKE do end
  redis.call('ZREM', key.due, job)
  return true
end

-- Counts a run of a fire time that starts, for a job with a `maxRuns`.
local function count_run(run, job, record)
  if not extra(record, 'mr') then return end
  redis.call('HINCRBY', key.counts, job, 1)
  -- Among the places that it holds, so that it is known to be counted should it be handed back.
  local held = redis.call('HGET', key.holds, run)
  redis.call('HSET', key.holds, run, held and held .. ' counted' or 'counted')
  is_exhausted(job, record)
end
