-- What other partitions have to know of jobs that depend on each other: messages in the stream `outbox:<partition>`, written in the step that they tell of.
-- An edge whose other end is in another partition stands here in one direction only, and names that partition in a fourth word.
--
-- end <parent> <fire time> <1: succeeded> <child>…    a parent's run has ended
-- tie <edge>, cut <edge>    an edge has come or gone, as it stands at the receiver, but for the partition
-- gone <job> <mark> <other>…    a job is removed; mark `<`: it was a parent of the others, `>`: their child

local outbox = {
  left = {}, -- partitions for which this step has left something
  told = 0, -- how many children this step has told of an end
}

do -- a script has room for 200 names: those that are used in here alone take none of it
  local MOST = 50 -- jobs that one message names

  function outbox.put(partition, text)
    redis.call('XADD', arg.prefix .. 'outbox:' .. partition, '*', 'm', text)
    outbox.left[partition] = true
  end

  -- Those of some jobs that live here; of the others, whose partitions `away` has, a list for each partition.
  function outbox.split(jobs, away)
    if not next(away) then return jobs, away end
    local here, elsewhere = {}, {}
    for _, job in ipairs(jobs) do
      local partition = away[job]
      if partition and not elsewhere[partition] then elsewhere[partition] = {} end
      table.insert(partition and elsewhere[partition] or here, job)
    end
    return here, elsewhere
  end

  -- A message about jobs that live elsewhere, a list for each partition.
  function outbox.put_about(text, jobs_of)
    for partition, jobs in pairs(jobs_of) do
      for i = 1, #jobs, MOST do
        outbox.put(partition, text .. ' ' .. table.concat(jobs, ' ', i, math.min(i + MOST - 1, #jobs)))
      end
    end
  end
end
