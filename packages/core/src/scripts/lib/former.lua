-- Attempts of former jobs: those claimed under a job that has been removed since, whether or not another was defined under its id. That one's definition
-- is none of theirs: they have no further attempt under it, are not queued for it, no dead letters of it and count for nothing in it.
--
-- `state` has, as the third word of each job, the first fencing token that could be given when it was defined: whatever was claimed under a former job of the
-- same id has a lower one.
-- No clock takes part in it, so that all of it may happen within one millisecond. It is also by what a job is told from a former one: nothing is kept of a
-- run (dead letters) for which no token was drawn.

local former = { found = {} } -- found: runs of former jobs that this step has come to

do
  local born = {} -- job -> its number, or false; as far as this step has looked

  -- Whatever else stands under the key, it must not stop what else a step has to do.
  local function look(jobs)
    local unknown = {}
    for _, job in ipairs(jobs) do
      if born[job] == nil then born[job] = false; unknown[#unknown + 1] = job end
    end
    if #unknown == 0 then return end
    local found = redis.pcall('HMGET', key.state, unpack(unknown))
    for i, job in ipairs(unknown) do born[job] = string.match(found[i] or '', '^%S+ %S+ (%d+)') or false end
  end

  -- The first token that could be given when a job was defined; empty if it is not known.
  function former.number_of(job)
    look({ job })
    return born[job] or ''
  end

  -- Whether an attempt of a run was claimed under a former job. `token`: 0 for one that was not claimed.
  function former.has(run, token)
    local job = job_of(run)
    if not job then return false end
    if former.found[run] then return true end
    token = tonumber(token) or 0
    return token > 0 and token < (tonumber(former.number_of(job)) or 0)
  end

  -- Parsed records of runs that are held, with their tokens: as records_of, and none for a run of a former job.
  function former.records_of(runs, tokens)
    local records, jobs = records_of(runs), {}
    for _, run in ipairs(runs) do jobs[#jobs + 1] = records[run] and job_of(run) end
    look(jobs)
    for i, run in ipairs(runs) do
      if records[run] and former.has(run, tokens[i]) then records[run] = nil; former.found[run] = true end
    end
    return records
  end

  -- What a node's `active` says of a run that it holds. What says nothing goes, so that it stops nobody; the sweeper finds the run in no place then.
  function former.read_claim(run, text, active)
    local token, attempt, started, task = string.match(text, '^(%d+) (%d+) (%d+) %S+ (%S+)$')
    if token then return { token = token, attempt = attempt, started = started, task = task } end
    redis.call('HDEL', active, run)
    tell('mended ' .. run .. ' was held by nothing that can be read')
    return nil
  end

  function former.forget(job) born[job] = nil end
end
